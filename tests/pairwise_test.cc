// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/pairwise.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/pairwise.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(PairwiseAllToAll, RankOneOfThreeDump) {
  EXPECT_EQ(dump(pairwise_all_to_all(3).at(1)), R"(  copy   input[1] -> output[1]
  put    input[2] -> 2:output[1]
  wait   0
  put    input[0] -> 0:output[1]
  wait   2
)");
}

}  // namespace
}  // namespace tutti
