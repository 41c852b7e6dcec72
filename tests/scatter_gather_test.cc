// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/scatter_gather.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/scatter_gather.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(ScatterAllGatherBroadcast, ThreeRanksDump) {
  EXPECT_EQ(dump(scatter_all_gather_broadcast(3, 0)), R"(rank 0
  put    input[1] -> 1:output[1]
  put    input[2] -> 2:output[2]
  put    input[0] -> 1:output[0]
  put    input[2] -> 1:output[2]
  copy   input[0] -> output[0]
  copy   input[1] -> output[1]
  copy   input[2] -> output[2]
rank 1
  wait   0
  put    output[1] -> 2:output[1]
  wait   0
  put    output[0] -> 2:output[0]
  wait   0
rank 2
  wait   0
  wait   1
  wait   1
)");
}

TEST(ReduceScatterGatherReduce, TwoRanksDump) {
  EXPECT_EQ(dump(reduce_scatter_gather_reduce(2, 0)), R"(rank 0
  put    input[1] -> 1:scratch[0]
  wait   1
  reduce input[0] + scratch[0] -> output[0]
  wait   1
rank 1
  put    input[0] -> 0:scratch[0]
  wait   0
  reduce scratch[0] + input[1] -> scratch[0]
  put    scratch[0] -> 0:output[1]
)");
}

TEST(ReduceScatterGatherPullReduce, TwoRanksDump) {
  EXPECT_EQ(dump(reduce_scatter_gather_pull_reduce(2, 0)), R"(rank 0
  reduce input[0] + 1:input[0] -> output[0]
  wait   1
  signal 1
rank 1
  reduce 0:input[1] + input[1] -> scratch[0]
  put    scratch[0] -> 0:output[1]
  wait   0
)");
}

}  // namespace
}  // namespace tutti
