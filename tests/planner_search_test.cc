// Tests src/planner/search.cc.
//
// ROOMS: planner

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

Problem problem_of(const char* model, int devices) {
  Problem problem{*model_preset(model), *machine_preset("8xh100"), {}};
  problem.machine.nodes = (devices + 7) / 8;
  problem.machine.devices = std::min(devices, 8);
  problem.job = {.sequence = 2048, .batch_tokens = 2048 * 16};
  return problem;
}

// Every layout that there can be, GPipe and layouts without sequence parallelism among them.
std::vector<Plan> every_plan(const Problem& problem) {
  using enum PipelineKind;
  using enum Recomputation;
  std::vector<Plan> plans;
  const int n = problem.machine.ranks();
  for (int i = 0; i < n * n * n; ++i) {
    Layout layout{.dp = 1 + i % n, .pp = 1 + i / n % n, .cp = 1 + i / n / n};
    const int rest = layout.dp * layout.pp * layout.cp;
    if (n % rest != 0) continue;
    layout.tp = n / rest;
    for (int j = 0; j < 16 * 4 * 3 * 2 * 4 * 8; ++j) {
      int digits = j;
      const auto digit = [&](int base) {
        const int value = digits % base;
        digits /= base;
        return value;
      };
      layout.micro_batch = 1 + digit(16);
      layout.zero = digit(4);
      layout.recomputation = std::array{kNone, kSelective, kFull}[digit(3)];
      layout.sequence_parallel = digit(2) == 0;
      layout.pipeline =
          std::array{kGpipe, kOneForwardOneBackward, kInterleaved, kZeroBubble}[digit(4)];
      layout.chunks = 1 + digit(8);
      if (layout.zero > 0 && layout.dp * layout.cp == 1) continue;
      if (const auto found = estimate(problem, layout); found.ok())
        plans.push_back({layout, *found});
    }
  }
  return plans;
}

double best_seconds(const std::vector<Plan>& plans) {
  double best = 1e30;
  for (const Plan& plan : plans) {
    if (plan.estimate.fits) best = std::min(best, plan.estimate.times.step());
  }
  return best;
}

TEST(PlannerSearch, FindsWhatAllLayoutsOneByOneHave) {
  for (const char* const model : {"llama-25m", "mamba2-130m"}) {
    for (const double gib : {80.0, 1.5}) {
      Problem problem = problem_of(model, 4);
      problem.machine.memory = gib * (1 << 30);
      const std::vector<Plan> plans = every_plan(problem);
      const auto ranking = search(problem, {.keep = 3});
      ASSERT_TRUE(ranking.ok());
      ASSERT_FALSE(ranking->best.empty()) << model << " " << gib;
      const double best = ranking->best[0].estimate.times.step();
      EXPECT_DOUBLE_EQ(best, best_seconds(plans)) << model << " " << gib;
      double least = 1e30;
      for (const Plan& plan : plans) least = std::min(least, plan.estimate.memory.total());
      EXPECT_DOUBLE_EQ(ranking->smallest[0].estimate.memory.total(), least);
    }
  }
}

TEST(PlannerSearch, RanksAndAgreesWithEstimates) {
  const Problem problem = problem_of("llama3-1b", 16);
  const auto ranking = search(problem, {.keep = 20});
  ASSERT_EQ(ranking->best.size(), 20u);
  for (std::size_t i = 0; i < ranking->best.size(); ++i) {
    const Plan& plan = ranking->best[i];
    EXPECT_EQ(*estimate(problem, plan.layout), plan.estimate);
    EXPECT_TRUE(plan.estimate.fits);
    if (i == 0) continue;
    EXPECT_LE(ranking->best[i - 1].estimate.times.step(), plan.estimate.times.step());
  }
}

TEST(PlannerSearch, TheFrontRisesAndNothingBeatsIt) {
  const auto ranking = search(problem_of("llama3-1b", 8), {.keep = 1000000});
  const std::vector<Plan>& front = ranking->pareto;
  ASSERT_GE(front.size(), 2u);
  for (std::size_t i = 1; i < front.size(); ++i) {
    EXPECT_GT(front[i].estimate.memory.total(), front[i - 1].estimate.memory.total());
    EXPECT_GT(front[i].estimate.mfu, front[i - 1].estimate.mfu);
  }
  for (const Plan& plan : ranking->best) {
    const bool is_covered = std::any_of(front.begin(), front.end(), [&](const Plan& other) {
      return other.estimate.mfu >= plan.estimate.mfu &&
             other.estimate.memory.total() <= plan.estimate.memory.total();
    });
    EXPECT_TRUE(is_covered) << to_text(plan.layout);
  }
}

TEST(PlannerSearch, RanksByEnergyOnRequest) {
  const Problem problem = problem_of("llama3-3b", 8);
  const auto by_energy = search(problem, {.goal = Goal::kEnergy, .keep = 5});
  const auto by_time = search(problem, {.keep = 100000});
  double least = 1e30;
  for (const Plan& plan : by_time->best) least = std::min(least, plan.estimate.joules_per_token);
  EXPECT_DOUBLE_EQ(by_energy->best[0].estimate.joules_per_token, least);
}

TEST(PlannerSearch, RanksByMemoryOnRequest) {
  const auto ranking = search(problem_of("llama3-1b", 8), {.goal = Goal::kMemory, .keep = 5});
  ASSERT_EQ(ranking->best.size(), 5u);
  EXPECT_EQ(ranking->best[0].estimate.memory, ranking->smallest[0].estimate.memory);
  const auto before = [](const Plan& a, const Plan& b) {
    const double x = a.estimate.memory.total(), y = b.estimate.memory.total();
    return x < y || (x == y && a.estimate.times.step() < b.estimate.times.step());
  };
  EXPECT_TRUE(std::is_sorted(ranking->best.begin(), ranking->best.end(), before));
}

TEST(PlannerSearch, LeavesAloneWhatIsDecided) {
  using enum PipelineKind;
  const Problem problem = problem_of("llama3-1b", 16);
  const Fixed fixed{.pp = 2,
                    .tp = 4,
                    .micro_batch = 2,
                    .zero = 2,
                    .chunks = 1,
                    .recomputation = Recomputation::kFull,
                    .pipeline = kGpipe};
  const auto ranking = search(problem, {.keep = 1000, .fixed = fixed});
  ASSERT_TRUE(ranking.ok()) << ranking.status().message();
  ASSERT_FALSE(ranking->best.empty());
  for (const Plan& plan : ranking->best) {
    const Layout& l = plan.layout;
    EXPECT_EQ((std::array{l.pp, l.tp, l.micro_batch, l.chunks}), (std::array{2, 4, 2, 1}));
    EXPECT_EQ(l.zero, l.dp * l.cp == 1 ? 0 : 2);
    EXPECT_EQ(l.recomputation, Recomputation::kFull);
    EXPECT_EQ(l.pipeline, kGpipe);
  }
}

// What is decided and cannot be is said.
TEST(PlannerSearch, RefusesDecisionsThatNothingDivides) {
  const Problem problem = problem_of("llama3-1b", 16);  // 32 heads, 8 of keys, 16 sequences
  const auto why = [&](const Fixed& fixed) {
    return search(problem, {.fixed = fixed}).status().message();
  };
  EXPECT_EQ(why({.tp = 3}), "tp is 3: expected a divisor of the devices of the machine, 16");
  EXPECT_EQ(why({.pp = 2, .tp = 6}),
            "pp x tp is 12: expected a divisor of the devices of the machine, 16");
  EXPECT_EQ(why({.dp = 2, .pp = 2, .cp = 1, .tp = 2}),
            "dp x pp x cp x tp is 8: expected the devices of the machine, 16");
  EXPECT_EQ(why({.tp = 16}), "tp is 16: expected a divisor of heads of keys, 8");
  EXPECT_EQ(why({.dp = 16, .micro_batch = 5}),
            "dp x micro_batch is 80: expected a divisor of the sequences of a step, 16");
  EXPECT_EQ(why({.pp = 2, .chunks = 2, .pipeline = PipelineKind::kGpipe}),
            "pipeline and chunks: expected more than one chunk with interleaved, and one with "
            "others");
}

TEST(PlannerSearch, SaysWhatIsSmallestWhereNothingFits) {
  Problem problem = problem_of("llama3-70b", 8);
  problem.machine.memory = 1 << 30;
  const auto ranking = search(problem, {});
  EXPECT_TRUE(ranking->best.empty());
  EXPECT_EQ(ranking->too_large, ranking->layouts);
  ASSERT_EQ(ranking->smallest.size(), 1u);
  EXPECT_GT(ranking->smallest[0].estimate.memory.total(), problem.machine.memory);
}

TEST(PlannerSearch, RefusesMachinesThatNothingDivides) {
  Problem problem = problem_of("llama-tiny", 8);  // four layers, four heads
  problem.machine.devices = 7;
  const auto ranking = search(problem, {});
  ASSERT_FALSE(ranking.ok());
  EXPECT_EQ(ranking.status().code(), Code::kInvalidArgument);
}

TEST(PlannerSearch, LooksAtThousandsOfDevicesInSeconds) {
  Problem problem{*model_preset("llama3-70b"), *machine_preset("8xh100"), {}};
  problem.machine.nodes = 128;
  problem.job = {.sequence = 8192, .batch_tokens = 8192L * 2048};
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(search(problem, {}).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  problem.machine.nodes = 2048;
  ASSERT_TRUE(search(problem, {}).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace tutti::planner
