// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/direct.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/direct.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(DirectBroadcast, TwoRanksDump) {
  EXPECT_EQ(dump(direct_broadcast(2, 1)), R"(rank 0
  wait   1
rank 1
  put    input[0] -> 0:output[0]
  copy   input[0] -> output[0]
)");
}

TEST(DirectReduce, TwoRanksDump) {
  EXPECT_EQ(dump(direct_reduce(2, 1)), R"(rank 0
  put    input[0] -> 1:scratch[0]
rank 1
  wait   0
  reduce scratch[0] + input[0] -> output[0]
)");
}

TEST(DirectGather, TwoRanksDump) {
  EXPECT_EQ(dump(direct_gather(2, 1)), R"(rank 0
  put    input[0] -> 1:output[0]
rank 1
  copy   input[0] -> output[1]
  wait   0
)");
}

TEST(DirectScatter, TwoRanksDump) {
  EXPECT_EQ(dump(direct_scatter(2, 1)), R"(rank 0
  wait   1
rank 1
  put    input[0] -> 0:output[0]
  copy   input[1] -> output[0]
)");
}

TEST(DirectSendRecv, TwoRanksDump) {
  EXPECT_EQ(dump(direct_send_recv(2)), R"(rank 0
  put    input[0] -> 1:output[0]
rank 1
  wait   0
)");
}

}  // namespace
}  // namespace tutti
