// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/all_pairs.cc and peers.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/all_pairs.h"

#include <gtest/gtest.h>

#include <vector>

#include "algorithms/peers.h"

namespace tutti {
namespace {

TEST(OneShotAllReduce, TwoRanksDump) {
  EXPECT_EQ(dump(one_shot_all_reduce(2)), R"(rank 0
  copy   input[0] -> scratch[0]
  put    scratch[0] -> 1:scratch[0]
  wait   1
  reduce scratch[0] + scratch[1] -> output[0]
rank 1
  copy   input[0] -> scratch[1]
  put    scratch[1] -> 0:scratch[1]
  wait   0
  reduce scratch[0] + scratch[1] -> output[0]
)");
}

TEST(TwoShotAllReduce, RankOneOfThreeDump) {
  EXPECT_EQ(dump(two_shot_all_reduce(3).at(1)), R"(  put    input[2] -> 2:scratch[1]
  put    input[0] -> 0:scratch[0]
  wait   0
  wait   2
  reduce scratch[0] + input[1] + scratch[1] -> output[1]
  put    output[1] -> 2:output[1]
  put    output[1] -> 0:output[1]
  wait   0
  wait   2
)");
}

TEST(AllPairsAllGather, TwoRanksDump) {
  EXPECT_EQ(dump(all_pairs_all_gather(2)), R"(rank 0
  put    input[0] -> 1:output[0]
  copy   input[0] -> output[0]
  wait   1
rank 1
  put    input[0] -> 0:output[1]
  copy   input[0] -> output[1]
  wait   0
)");
}

TEST(AllPairsReduceScatter, RankOneOfThreeDump) {
  EXPECT_EQ(dump(all_pairs_reduce_scatter(3).at(1)), R"(  put    input[2] -> 2:scratch[1]
  put    input[0] -> 0:scratch[0]
  wait   0
  wait   2
  reduce scratch[0] + input[1] + scratch[1] -> output[0]
)");
}

TEST(AllPairsAllToAll, TwoRanksDump) {
  EXPECT_EQ(dump(all_pairs_all_to_all(2)), R"(rank 0
  put    input[1] -> 1:output[0]
  copy   input[0] -> output[0]
  wait   1
rank 1
  put    input[0] -> 0:output[1]
  copy   input[1] -> output[1]
  wait   0
)");
}

TEST(StagedAllToAll, TwoRanksDump) {
  EXPECT_EQ(dump(staged_all_to_all(2)), R"(rank 0
  put    input[1] -> 1:scratch[0]
  copy   input[0] -> output[0]
  wait   1
  signal 1
  wait   1
  copy   scratch[0] -> output[1]
rank 1
  put    input[0] -> 0:scratch[0]
  copy   input[1] -> output[1]
  wait   0
  signal 0
  wait   0
  copy   scratch[0] -> output[0]
)");
}

TEST(AllPairsBarrier, RankOneOfThreeDump) {
  EXPECT_EQ(dump(all_pairs_barrier(3).at(1)), R"(  signal 2
  signal 0
  wait   0
  wait   2
)");
}

TEST(Peers, AreVisitedOutwardsAndHeardInTheOrderOfArrival) {
  EXPECT_EQ(peers_after(2, 4), (std::vector{3, 0, 1}));
  EXPECT_EQ(peers_before(2, 4), (std::vector{1, 0, 3}));
  EXPECT_TRUE(peers_after(0, 1).empty());
}

TEST(Peers, ShareAnOwnersSlotsWithoutAGap) {
  EXPECT_EQ(slot(2, 0), 0);
  EXPECT_EQ(slot(2, 1), 1);
  EXPECT_EQ(slot(2, 3), 2);
}

}  // namespace
}  // namespace tutti
