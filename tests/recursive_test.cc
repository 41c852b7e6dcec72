// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/recursive.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/recursive.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(RecursiveDoublingAllReduce, ThreeRanksDump) {
  EXPECT_EQ(dump(recursive_doubling_all_reduce(3)), R"(rank 0
  wait   1
  reduce input[0] + scratch[0] -> scratch[0]
  put    scratch[0] -> 2:scratch[1]
  wait   2
  reduce scratch[0] + scratch[1] -> output[0]
  put    output[0] -> 1:output[0]
rank 1
  put    input[0] -> 0:scratch[0]
  wait   0
rank 2
  copy   input[0] -> scratch[0]
  put    scratch[0] -> 0:scratch[1]
  wait   0
  reduce scratch[1] + scratch[0] -> output[0]
)");
}

TEST(HalvingDoublingAllReduce, ThreeRanksDump) {
  EXPECT_EQ(dump(halving_doubling_all_reduce(3)), R"(rank 0
  wait   1
  reduce input[0] + scratch[1] -> scratch[1]
  wait   1
  reduce input[1] + scratch[2] -> scratch[2]
  put    scratch[2] -> 2:scratch[0]
  wait   2
  reduce scratch[1] + scratch[0] -> output[0]
  put    output[0] -> 2:output[0]
  wait   2
  put    output[0] -> 1:output[0]
  put    output[1] -> 1:output[1]
rank 1
  put    input[0] -> 0:scratch[1]
  put    input[1] -> 0:scratch[2]
  wait   0
  wait   0
rank 2
  put    input[0] -> 0:scratch[0]
  wait   0
  reduce input[1] + scratch[0] -> output[1]
  put    output[1] -> 0:output[1]
  wait   0
)");
}

TEST(HalvingDoublingAllReduce, RankZeroOfFourDump) {
  EXPECT_EQ(dump(halving_doubling_all_reduce(4).at(0)), R"(  put    input[2] -> 2:scratch[1]
  put    input[3] -> 2:scratch[2]
  wait   2
  reduce input[0] + scratch[1] -> scratch[1]
  wait   2
  reduce input[1] + scratch[2] -> scratch[2]
  put    scratch[2] -> 1:scratch[0]
  wait   1
  reduce scratch[1] + scratch[0] -> output[0]
  put    output[0] -> 1:output[0]
  wait   1
  put    output[0] -> 2:output[0]
  put    output[1] -> 2:output[1]
  wait   2
  wait   2
)");
}

TEST(RecursiveDoublingAllGather, ThreeRanksDump) {
  EXPECT_EQ(dump(recursive_doubling_all_gather(3)), R"(rank 0
  copy   input[0] -> output[0]
  wait   1
  put    output[0] -> 2:output[0]
  put    output[1] -> 2:output[1]
  wait   2
  put    output[2] -> 1:output[2]
  put    output[0] -> 1:output[0]
rank 1
  copy   input[0] -> output[1]
  put    input[0] -> 0:output[1]
  wait   0
  wait   0
rank 2
  copy   input[0] -> output[2]
  put    output[2] -> 0:output[2]
  wait   0
  wait   0
)");
}

TEST(RecursiveHalvingReduceScatter, ThreeRanksDump) {
  EXPECT_EQ(dump(recursive_halving_reduce_scatter(3)), R"(rank 0
  wait   1
  reduce input[0] + scratch[2] -> scratch[2]
  wait   1
  reduce input[1] + scratch[3] -> scratch[3]
  wait   1
  reduce input[2] + scratch[4] -> scratch[4]
  put    scratch[4] -> 2:scratch[0]
  wait   2
  reduce scratch[2] + scratch[0] -> output[0]
  wait   2
  reduce scratch[3] + scratch[1] -> scratch[1]
  put    scratch[1] -> 1:output[0]
rank 1
  put    input[0] -> 0:scratch[2]
  put    input[1] -> 0:scratch[3]
  put    input[2] -> 0:scratch[4]
  wait   0
rank 2
  put    input[0] -> 0:scratch[0]
  put    input[1] -> 0:scratch[1]
  wait   0
  reduce input[2] + scratch[0] -> output[0]
)");
}

}  // namespace
}  // namespace tutti
