// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/bruck.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/bruck.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(BruckAllGather, ThreeRanksDump) {
  EXPECT_EQ(dump(bruck_all_gather(3)), R"(rank 0
  copy   input[0] -> output[0]
  put    output[0] -> 2:output[0]
  wait   1
  put    output[0] -> 1:output[0]
  wait   2
rank 1
  copy   input[0] -> output[1]
  put    output[1] -> 0:output[1]
  wait   2
  put    output[1] -> 2:output[1]
  wait   0
rank 2
  copy   input[0] -> output[2]
  put    output[2] -> 1:output[2]
  wait   0
  put    output[2] -> 0:output[2]
  wait   1
)");
}

// The smallest size at which a chunk, that for rank 3, stops on the way.
TEST(BruckAllToAll, RankZeroOfFourDump) {
  EXPECT_EQ(dump(bruck_all_to_all(4).at(0)), R"(  put    input[1] -> 1:output[0]
  put    input[3] -> 1:scratch[0]
  wait   3
  wait   3
  put    input[2] -> 2:output[0]
  put    scratch[0] -> 2:output[3]
  wait   2
  wait   2
  copy   input[0] -> output[0]
)");
}

}  // namespace
}  // namespace tutti
