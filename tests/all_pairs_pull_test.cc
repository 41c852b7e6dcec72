// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/all_pairs_pull.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/all_pairs_pull.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(OneShotPullAllReduce, TwoRanksDump) {
  EXPECT_EQ(dump(one_shot_pull_all_reduce(2)), R"(rank 0
  reduce input[0] + 1:input[0] -> scratch[0]
  signal 1
  wait   1
  copy   scratch[0] -> output[0]
rank 1
  reduce 0:input[0] + input[0] -> scratch[0]
  signal 0
  wait   0
  copy   scratch[0] -> output[0]
)");
}

TEST(TwoShotPullAllReduce, RankOneOfThreeDump) {
  EXPECT_EQ(dump(two_shot_pull_all_reduce(3).at(1)),
            R"(  reduce 0:input[1] + input[1] + 2:input[1] -> output[1]
  put    output[1] -> 2:output[1]
  put    output[1] -> 0:output[1]
  wait   0
  wait   2
)");
}

TEST(AllPairsPullAllGather, TwoRanksDump) {
  EXPECT_EQ(dump(all_pairs_pull_all_gather(2)), R"(rank 0
  copy   1:input[0] -> output[1]
  signal 1
  copy   input[0] -> output[0]
  wait   1
rank 1
  copy   0:input[0] -> output[0]
  signal 0
  copy   input[0] -> output[1]
  wait   0
)");
}

TEST(AllPairsPullReduceScatter, TwoRanksDump) {
  EXPECT_EQ(dump(all_pairs_pull_reduce_scatter(2)), R"(rank 0
  reduce input[0] + 1:input[0] -> output[0]
  signal 1
  wait   1
rank 1
  reduce 0:input[1] + input[1] -> output[0]
  signal 0
  wait   0
)");
}

TEST(AllPairsPullAllToAll, RankOneOfThreeDump) {
  EXPECT_EQ(dump(all_pairs_pull_all_to_all(3).at(1)), R"(  copy   2:input[1] -> output[2]
  signal 2
  copy   0:input[1] -> output[0]
  signal 0
  copy   input[1] -> output[1]
  wait   0
  wait   2
)");
}

}  // namespace
}  // namespace tutti
