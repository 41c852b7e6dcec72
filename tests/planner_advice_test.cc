// Tests src/planner/advice.cc.
//
// ROOMS: planner

#include "tutti/planner_advice.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tutti::planner {
namespace {

Problem problem_of(const char* model, int nodes) {
  Problem problem{*model_preset(model), *machine_preset("8xh100"), {}};
  problem.machine.nodes = nodes;
  return problem;
}

TEST(PlannerAdvice, PartsAreAllThereIs) {
  const auto found = estimate(problem_of("llama3-8b", 2), {.dp = 2, .pp = 2, .tp = 4});
  ASSERT_TRUE(found.ok());
  double seconds = 0, bytes = 0;
  for (const Part& part : parts(found->times)) seconds += part.value;
  for (const Part& part : parts(found->memory)) bytes += part.value;
  EXPECT_DOUBLE_EQ(seconds, found->times.step());
  EXPECT_DOUBLE_EQ(bytes, found->memory.total());
  EXPECT_EQ(largest(parts(found->times)).name, "compute");
}

TEST(PlannerAdvice, RivalsAreUnlikeTheWinnerInOneThingAndNotBetter) {
  const Problem problem = problem_of("llama2-70b", 8);
  const auto ranking = search(problem, {});
  ASSERT_TRUE(ranking.ok());
  const Plan& winner = ranking->best.front();
  const std::vector<Rival> found = rivals(problem, {}, winner.layout);
  ASSERT_GE(found.size(), 4u);
  for (const Rival& rival : found) {
    EXPECT_EQ(rival.best.has_value() + rival.smallest.has_value() + !rival.objection.empty(), 1)
        << rival.change;
    if (rival.best) {
      EXPECT_NE(rival.best->layout, winner.layout) << rival.change;
      EXPECT_GE(rival.best->estimate.times.step(), winner.estimate.times.step()) << rival.change;
    }
    if (rival.smallest) {
      EXPECT_GT(rival.smallest->estimate.memory.total(), problem.machine.memory);
    }
  }
}

TEST(PlannerAdvice, DecisionsHaveNoRivals) {
  const SearchSettings settings{.fixed = {.dp = 8, .pp = 1, .cp = 1, .tp = 1, .zero = 1}};
  EXPECT_TRUE(rivals(problem_of("llama3-1b", 1), settings, {.dp = 8}).empty());
}

TEST(PlannerAdvice, WhatIfsHaveMoreOrLess) {
  const Problem problem = problem_of("llama3-8b", 16);
  const double tokens = search(problem, {})->best.front().estimate.tokens_per_second;
  const std::vector<WhatIf> answers = what_ifs(problem, {});
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].change, "twice the network");
  EXPECT_EQ(answers[1].change, "twice the memory");
  EXPECT_EQ(answers[2].change, "half the batch");
  for (const WhatIf& answer : answers) ASSERT_TRUE(answer.best.has_value()) << answer.change;
  EXPECT_GT(answers[0].best->estimate.tokens_per_second, tokens);
  EXPECT_GE(answers[1].best->estimate.tokens_per_second, tokens);
  EXPECT_LT(answers[2].best->estimate.tokens_per_second, tokens);
}

TEST(PlannerAdvice, RemediesAreTheSmallestThatFit) {
  const Problem problem = problem_of("llama3-70b", 1);
  ASSERT_TRUE(search(problem, {})->best.empty());
  const std::vector<Remedy> found = remedies(problem, {});
  const auto nodes = std::find_if(found.begin(), found.end(), [](const Remedy& remedy) {
    return remedy.change.find("nodes instead of 1") != std::string::npos;
  });
  ASSERT_NE(nodes, found.end());
  Problem larger = problem;
  larger.machine.nodes = std::stoi(nodes->change);
  EXPECT_FALSE(search(larger, {})->best.empty());
  larger.machine.nodes /= 2;
  EXPECT_TRUE(search(larger, {})->best.empty());
}

TEST(PlannerAdvice, LeavesDecisionsOpenFirst) {
  const Problem problem = problem_of("llama3-8b", 1);
  const SearchSettings settings{.fixed = {.zero = 0}};
  ASSERT_FALSE(search(problem, {})->best.empty());
  ASSERT_FALSE(search(problem, settings)->best.empty());
  const SearchSettings tight{.fixed = {.dp = 8, .zero = 0}};
  ASSERT_TRUE(search(problem, tight)->best.empty());
  const std::vector<Remedy> found = remedies(problem, tight);
  ASSERT_GE(found.size(), 2u);
  EXPECT_EQ(found[0].change, "zero left open");
  EXPECT_EQ(found[1].change, "dp left open");
}

TEST(PlannerAdvice, MemoryThatWouldBeEnoughIs) {
  Problem problem = problem_of("llama3-8b", 1);
  const double least = search(problem, {})->smallest.front().estimate.memory.total();
  problem.machine.memory = 0.9 * least;
  const std::vector<Remedy> found = remedies(problem, {});
  ASSERT_FALSE(found.empty());
  EXPECT_NE(found[0].change.find(" GiB a device instead of "), std::string::npos);
  EXPECT_DOUBLE_EQ(found[0].plan.estimate.memory.total(), least);
}

}  // namespace
}  // namespace tutti::planner
