// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/direct_pull.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/direct_pull.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(DirectPullBroadcast, TwoRanksDump) {
  EXPECT_EQ(dump(direct_pull_broadcast(2, 1)), R"(rank 0
  copy   1:input[0] -> output[0]
  signal 1
rank 1
  copy   input[0] -> output[0]
  wait   0
)");
}

TEST(DirectPullReduce, TwoRanksDump) {
  EXPECT_EQ(dump(direct_pull_reduce(2, 1)), R"(rank 0
  wait   1
rank 1
  reduce 0:input[0] + input[0] -> output[0]
  signal 0
)");
}

TEST(DirectPullGather, TwoRanksDump) {
  EXPECT_EQ(dump(direct_pull_gather(2, 1)), R"(rank 0
  wait   1
rank 1
  copy   input[0] -> output[1]
  copy   0:input[0] -> output[0]
  signal 0
)");
}

TEST(DirectPullScatter, TwoRanksDump) {
  EXPECT_EQ(dump(direct_pull_scatter(2, 1)), R"(rank 0
  copy   1:input[0] -> output[0]
  signal 1
rank 1
  copy   input[1] -> output[0]
  wait   0
)");
}

TEST(DirectPullSendRecv, TwoRanksDump) {
  EXPECT_EQ(dump(direct_pull_send_recv(2)), R"(rank 0
  wait   1
rank 1
  copy   0:input[0] -> output[0]
  signal 0
)");
}

}  // namespace
}  // namespace tutti
