// Tests src/planner/layout.cc and stages.cc.
//
// ROOMS: planner
// SANITIZERS: none

#include <gtest/gtest.h>

#include "planner/stages.h"

namespace tutti::planner {
namespace {

Problem problem(int nodes = 2) {
  Problem problem{*model_preset("llama3-8b"), *machine_preset("8xh100"), {}};
  problem.machine.nodes = nodes;
  return problem;
}

std::string objection(const Layout& layout, const Problem& to = problem()) {
  return divides(to, layout).message();
}

TEST(PlannerLayout, IsTextAndLabel) {
  EXPECT_EQ(to_text({.dp = 16}), "dp=16 micro_batch=1 zero=1");
  const Layout layout{
      .dp = 2,
      .pp = 2,
      .tp = 4,
      .micro_batch = 2,
      .zero = 0,
      .recomputation = Recomputation::kFull,
      .sequence_parallel = false,
      .pipeline = PipelineKind::kInterleaved,
      .chunks = 2,
      .order = {Dimension::kPipeline, Dimension::kData, Dimension::kContext, Dimension::kTensor}};
  EXPECT_EQ(to_text(layout),
            "dp=2 pp=2 tp=4 micro_batch=2 zero=0 recompute=full sequence_parallel=no "
            "pipeline=interleaved chunks=2 order=pp,dp,cp,tp");
  EXPECT_EQ(label(layout), "(2, 2, 4, 1)");
}

TEST(PlannerLayout, WhatDividesIsFeasible) {
  EXPECT_EQ(objection({.dp = 16}), "");
  EXPECT_EQ(objection({.pp = 2, .cp = 2, .tp = 4, .micro_batch = 4}), "");
}

TEST(PlannerLayout, SaysWhatDoesNotDivide) {
  EXPECT_EQ(objection({.dp = 8}),
            "dp x pp x cp x tp is 8: expected the devices of the machine, 16");
  EXPECT_EQ(objection({.dp = 0}), "dp is 0: expected at least 1");
  EXPECT_EQ(objection({.tp = 16}), "tp is 16: expected a divisor of heads of keys, 8");
  EXPECT_EQ(objection({.dp = 16, .micro_batch = 3}),
            "dp x micro_batch is 48: expected a divisor of the sequences of a step, 256");
  EXPECT_EQ(objection({.dp = 16, .zero = 4}), "zero is 4: expected 0 to 3");
  EXPECT_EQ(objection({.dp = 16, .pipeline = PipelineKind::kZeroBubble}),
            "pipeline is zero_bubble: expected 1f1b, as pp is 1");
  EXPECT_EQ(objection({.dp = 8, .pp = 2, .chunks = 2}),
            "1f1b: chunks a rank 2: expected 1; only interleaved has more");
  EXPECT_EQ(objection({.dp = 1,
                       .pp = 16,
                       .micro_batch = 32,
                       .pipeline = PipelineKind::kInterleaved,
                       .chunks = 2}),
            "micro-batches is 8: expected a multiple of pp, 16, for interleaved");
  EXPECT_EQ(objection({.pp = 64}, problem(8)),
            "pp x chunks is 64: expected at most the layers, 32");
  EXPECT_EQ(objection({.cp = 4096}, problem(512)),
            "2 cp is 8192: expected a divisor of the "
            "sequence, 4096");
}

TEST(PlannerStages, EvenSplitsGiveTheFirstOneMore) {
  EXPECT_EQ(split_evenly(7, 3), (std::vector<StageLayers>{{0, 3}, {3, 5}, {5, 7}}));
}

// Of all ways to cut a list in order, none has a smaller largest sum.
TEST(PlannerStages, BalancedSplitsAreBest) {
  const std::vector<double> costs = {3, 1, 4, 1, 5, 9, 2, 6};
  const double first = 2, last = 4;
  const auto largest = [&](int a, int b) {
    double sums[3] = {first, 0, last};
    for (int i = 0; i < 8; ++i) sums[i < a ? 0 : i < b ? 1 : 2] += costs[i];
    return std::max({sums[0], sums[1], sums[2]});
  };
  double best = 1e9;
  for (int a = 0; a <= 8; ++a) {
    for (int b = a; b <= 8; ++b) best = std::min(best, largest(a, b));
  }
  const auto split = split_balanced(costs, first, last, 3);
  EXPECT_EQ(split.back().end, 8);
  EXPECT_NEAR(largest(split[0].end, split[1].end), best, 1e-6);
}

TEST(PlannerStages, KnowsHowMuchOfARunAStageHas) {
  EXPECT_EQ((StageLayers{3, 8}.of_run(0, 5)), 2);
  EXPECT_EQ((StageLayers{3, 8}.of_run(5, 5)), 3);
  EXPECT_EQ((StageLayers{3, 8}.of_run(8, 5)), 0);
}

}  // namespace
}  // namespace tutti::planner
