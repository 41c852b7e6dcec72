// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/double_tree.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/double_tree.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tutti {
namespace {

TEST(DoubleTreeAllReduce, TwoRanksDump) {
  EXPECT_EQ(dump(double_tree_all_reduce(2)), R"(rank 0
  put    input[0] -> 1:scratch[0]
  wait   1
  reduce input[1] + scratch[0] -> output[1]
  put    output[1] -> 1:output[1]
  wait   1
rank 1
  put    input[1] -> 0:scratch[0]
  wait   0
  reduce input[0] + scratch[0] -> output[0]
  put    output[0] -> 0:output[0]
  wait   0
)");
}

TEST(DoubleTreeBroadcast, ThreeRanksDump) {
  EXPECT_EQ(dump(double_tree_broadcast(3, 0)), R"(rank 0
  put    input[0] -> 2:output[0]
  put    input[1] -> 1:output[1]
  copy   input[0] -> output[0]
  copy   input[1] -> output[1]
rank 1
  wait   0
  put    output[1] -> 2:output[1]
  wait   2
rank 2
  wait   0
  put    output[0] -> 1:output[0]
  wait   1
)");
}

TEST(DoubleTreeReduce, ThreeRanksDump) {
  EXPECT_EQ(dump(double_tree_reduce(3, 0)), R"(rank 0
  wait   2
  reduce input[0] + scratch[0] -> output[0]
  wait   1
  reduce input[1] + scratch[1] -> output[1]
rank 1
  put    input[0] -> 2:scratch[0]
  wait   2
  reduce input[1] + scratch[0] -> scratch[0]
  put    scratch[0] -> 0:scratch[1]
rank 2
  put    input[1] -> 1:scratch[0]
  wait   1
  reduce input[0] + scratch[0] -> scratch[0]
  put    scratch[0] -> 0:scratch[0]
)");
}

int count(const Program& program, StepKind kind) {
  return std::count_if(program.steps.begin(), program.steps.end(),
                       [kind](const Step& step) { return step.kind == kind; });
}

// What makes two trees as good as a ring: nobody does the work of an inner node twice.
TEST(DoubleTree, NobodyIsInsideBothTrees) {
  for (int ranks = 2; ranks <= 33; ++ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      EXPECT_LE(count(double_tree_all_reduce(ranks).at(rank), StepKind::kReduce), 1);
      if (rank == 0) continue;
      EXPECT_LE(count(double_tree_reduce(ranks, 0).at(rank), StepKind::kReduce), 1);
      EXPECT_LE(count(double_tree_broadcast(ranks, 0).at(rank), StepKind::kPut), 2);
    }
  }
}

}  // namespace
}  // namespace tutti
