// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/ring.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/ring.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(RingAllReduce, TwoRanksDump) {
  EXPECT_EQ(dump(ring_all_reduce(2)), R"(rank 0
  put    input[1] -> 1:scratch[0]
  wait   1
  reduce scratch[0] + input[0] -> output[0]
  put    output[0] -> 1:output[0]
  wait   1
rank 1
  put    input[0] -> 0:scratch[0]
  wait   0
  reduce scratch[0] + input[1] -> output[1]
  put    output[1] -> 0:output[1]
  wait   0
)");
}

TEST(RingReduceScatter, RankZeroOfThreeDump) {
  EXPECT_EQ(dump(ring_reduce_scatter(3).at(0)), R"(  put    input[2] -> 1:scratch[0]
  wait   2
  reduce scratch[0] + input[1] -> scratch[0]
  put    scratch[0] -> 1:scratch[1]
  wait   2
  reduce scratch[1] + input[0] -> output[0]
)");
}

TEST(RingAllGather, RankZeroOfThreeDump) {
  EXPECT_EQ(dump(ring_all_gather(3).at(0)), R"(  put    input[0] -> 1:output[0]
  wait   2
  put    output[2] -> 1:output[2]
  wait   2
  copy   input[0] -> output[0]
)");
}

TEST(RingBroadcast, ThreeRanksDump) {
  EXPECT_EQ(dump(ring_broadcast(3, 1)), R"(rank 0
  wait   2
rank 1
  put    input[0] -> 2:output[0]
  copy   input[0] -> output[0]
rank 2
  wait   1
  put    output[0] -> 0:output[0]
)");
}

TEST(RingReduce, ThreeRanksDump) {
  EXPECT_EQ(dump(ring_reduce(3, 1)), R"(rank 0
  wait   2
  reduce scratch[0] + input[0] -> scratch[0]
  put    scratch[0] -> 1:scratch[0]
rank 1
  wait   0
  reduce scratch[0] + input[0] -> output[0]
rank 2
  put    input[0] -> 0:scratch[0]
)");
}

}  // namespace
}  // namespace tutti
