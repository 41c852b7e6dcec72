// Tests src/planner/inference.cc and inference_costs.cc.
//
// ROOMS: planner
// SANITIZERS: none

#include "tutti/planner_inference.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tutti::planner {
namespace {

InferenceProblem problem_of(const char* model, int devices) {
  InferenceProblem problem{*model_preset(model), *machine_preset("8xh100"), {}};
  problem.machine.devices = devices;
  problem.machine.headroom = 0;
  return problem;
}

InferenceEstimate of(const InferenceProblem& problem, const Layout& layout) {
  const auto found = estimate(problem, layout);
  EXPECT_TRUE(found.ok()) << found.status().message();
  return found.ok() ? *found : InferenceEstimate{};
}

// Llama 3 8B keeps keys and values of 8 heads of 128 in 32 layers, two bytes each.
TEST(PlannerInference, CacheOfKeysAndValuesByHand) {
  const InferenceProblem problem = problem_of("llama3-8b", 1);
  constexpr double kToken = 2 * 8 * 128 * 32 * 2;
  const InferenceMemory memory = of(problem, {.micro_batch = 4}).memory;
  EXPECT_DOUBLE_EQ(memory.cache, 4 * (2048 + 256) * kToken);
  EXPECT_DOUBLE_EQ(memory.parameters, 2.0 * static_cast<double>(parameters(problem.model)));
}

TEST(PlannerInference, EveryDimensionSharesTheCache) {
  const double one = of(problem_of("llama3-8b", 1), {.micro_batch = 4}).memory.cache;
  for (const Layout& layout : {Layout{.pp = 4, .micro_batch = 4}, Layout{.cp = 4, .micro_batch = 4},
                               Layout{.tp = 4, .micro_batch = 4}}) {
    EXPECT_DOUBLE_EQ(of(problem_of("llama3-8b", 4), layout).memory.cache, one / 4);
  }
}

// A state of 16 numbers of four bytes for each of 2 x 2560 channels, and 4 of two that a
// convolution sees; in 64 layers, however long the prompt.
TEST(PlannerInference, MambaKeepsAStateOfFixedSize) {
  InferenceProblem problem = problem_of("mamba-2.8b", 1);
  constexpr double kSequence = 64 * 5120.0 * (16 * 4 + 4 * 2);
  EXPECT_DOUBLE_EQ(of(problem, {.micro_batch = 3}).memory.cache, 3 * kSequence);
  problem.job.prompt = 1 << 16;
  EXPECT_DOUBLE_EQ(of(problem, {.micro_batch = 3}).memory.cache, 3 * kSequence);
  const InferenceProblem four = problem_of("mamba-2.8b", 4);
  EXPECT_DOUBLE_EQ(of(four, {.cp = 4, .micro_batch = 3}).memory.cache, 3 * kSequence);
}

// Each token reads all weights but the embedding once.
TEST(PlannerInference, ATokenTakesAsLongAsWeightsTakeToRead) {
  InferenceProblem problem = problem_of("llama2-13b", 1);
  problem.job.kernel = 0;
  const double table = 32000.0 * 5120;
  const double bytes = 2 * (static_cast<double>(parameters(problem.model)) - table);
  const double bandwidth = problem.machine.memory_bandwidth * problem.machine.efficiency.memory;
  const PhaseTimes token = of(problem, {}).decode;
  EXPECT_NEAR(token.weights, bytes / bandwidth, 0.01 * token.weights);
  EXPECT_EQ(token.kernels, 0);
  EXPECT_NEAR(token.cache, (2048 + 128) * 2.0 * 5120 * 40 * 2 / bandwidth, 1e-9);
}

TEST(PlannerInference, TensorParallelTokensComeSooner) {
  InferenceProblem problem = problem_of("llama2-70b", 8);
  const InferenceEstimate tensor = of(problem, {.tp = 8});
  const InferenceEstimate pipeline = of(problem, {.pp = 8});
  EXPECT_LT(tensor.decode.total(), pipeline.decode.total());
  EXPECT_LT(tensor.prefill.total(), pipeline.prefill.total());
  // But with enough in hand a pipeline has less to say.
  const InferenceEstimate full = of(problem, {.pp = 8, .micro_batch = 64});
  EXPECT_GT(full.prefill_tokens_per_second, of(problem, {.tp = 8}).prefill_tokens_per_second);
}

TEST(PlannerInference, ContextParallelRanksShareAPrompt) {
  InferenceProblem problem = problem_of("llama3-8b", 8);
  problem.job.prompt = 1 << 17;
  const double one = of(problem, {.dp = 8}).prefill.total();
  const double eight = of(problem, {.cp = 8}).prefill.total();
  EXPECT_LT(eight, one / 5);
  EXPECT_GT(eight, one / 8);
}

TEST(PlannerInference, MoreInHandIsMoreASecondAndLaterTokens) {
  const InferenceProblem problem = problem_of("llama3-8b", 1);
  InferenceEstimate last = of(problem, {});
  for (int in_hand = 2; in_hand <= 64; in_hand *= 2) {
    const InferenceEstimate more = of(problem, {.micro_batch = in_hand});
    EXPECT_GT(more.tokens_per_second, last.tokens_per_second);
    EXPECT_GT(more.decode.total(), last.decode.total());
    last = more;
  }
}

TEST(PlannerInference, GoalsFindWhatNoOtherLayoutBeats) {
  const InferenceProblem problem = problem_of("llama3-8b", 8);
  const auto all = search(problem, {.keep = 100'000});
  ASSERT_TRUE(all.ok());
  ASSERT_GT(all->best.size(), 20u);
  const auto first = [&](InferenceGoal goal) {
    return search(problem, {.goal = goal, .keep = 1})->best.front().estimate;
  };
  for (const InferencePlan& plan : all->best) {
    const InferenceEstimate& e = plan.estimate;
    EXPECT_TRUE(e.fits);
    EXPECT_EQ(e, of(problem, plan.layout));
    EXPECT_LE(e.tokens_per_second, first(InferenceGoal::kThroughput).tokens_per_second);
    EXPECT_GE(e.latency(problem.job), first(InferenceGoal::kLatency).latency(problem.job));
    EXPECT_GE(e.joules_per_token, first(InferenceGoal::kEnergy).joules_per_token);
    EXPECT_GE(e.memory.total(), first(InferenceGoal::kMemory).memory.total());
  }
  for (std::size_t i = 1; i < all->front.size(); ++i) {
    EXPECT_GT(all->front[i].estimate.tokens_per_second,
              all->front[i - 1].estimate.tokens_per_second);
    EXPECT_GT(all->front[i].estimate.decode.total(), all->front[i - 1].estimate.decode.total());
  }
}

TEST(PlannerInference, RequestsAreDividedAmongReplicas) {
  InferenceProblem problem = problem_of("llama3-8b", 8);
  problem.job.requests = 12;
  const auto found = search(problem, {.keep = 1000});
  ASSERT_TRUE(found.ok());
  for (const InferencePlan& plan : found->best) {
    EXPECT_EQ(plan.layout.dp * plan.layout.micro_batch, 12);
  }
  const auto refused = search(problem, {.fixed = {.dp = 8}});
  EXPECT_EQ(refused.status().message(), "dp is 8: expected a divisor of the requests, 12");
}

TEST(PlannerInference, RefusesWhatDoesNotDivide) {
  const auto refused = estimate(problem_of("llama3-8b", 3), {.tp = 3});
  EXPECT_EQ(refused.status().message(), "tp is 3: expected a divisor of heads, 32");
  EXPECT_FALSE(estimate(problem_of("llama3-8b", 1), {.micro_batch = 0}).ok());
}

TEST(PlannerInference, WhatIfsAndPictures) {
  const InferenceProblem problem = problem_of("llama3-70b", 8);
  const auto ranking = search(problem, {});
  const double rate = ranking->best.front().estimate.tokens_per_second;
  const auto answers = what_ifs(problem, {});
  ASSERT_EQ(answers.size(), 3u);
  for (const InferenceWhatIf& answer : answers) ASSERT_TRUE(answer.best) << answer.change;
  EXPECT_GT(answers[0].best->estimate.tokens_per_second, rate);
  EXPECT_GT(answers[1].best->estimate.tokens_per_second, rate);
  EXPECT_LT(answers[2].best->estimate.tokens_per_second, rate);
  const std::string front = front_to_svg(problem, *ranking);
  EXPECT_NE(front.find(label(ranking->best.front().layout) + " x "), std::string::npos);
  EXPECT_NE(times_to_svg(problem, ranking->best).find("<title>weights: "), std::string::npos);
}

}  // namespace
}  // namespace tutti::planner
