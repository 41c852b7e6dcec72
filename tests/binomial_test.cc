// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/binomial.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/binomial.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(BinomialAllReduce, ThreeRanksDump) {
  EXPECT_EQ(dump(binomial_all_reduce(3)), R"(rank 0
  wait   2
  wait   1
  reduce input[0] + scratch[0] + scratch[1] -> output[0]
  put    output[0] -> 2:output[0]
  put    output[0] -> 1:output[0]
rank 1
  put    input[0] -> 0:scratch[1]
  wait   0
rank 2
  put    input[0] -> 0:scratch[0]
  wait   0
)");
}

TEST(BinomialBroadcast, FourRanksDump) {
  EXPECT_EQ(dump(binomial_broadcast(4, 1)), R"(rank 0
  wait   3
rank 1
  put    input[0] -> 3:output[0]
  put    input[0] -> 2:output[0]
  copy   input[0] -> output[0]
rank 2
  wait   1
rank 3
  wait   1
  put    output[0] -> 0:output[0]
)");
}

TEST(BinomialReduce, FourRanksDump) {
  EXPECT_EQ(dump(binomial_reduce(4, 1)), R"(rank 0
  put    input[0] -> 3:scratch[0]
rank 1
  wait   3
  wait   2
  reduce input[0] + scratch[0] + scratch[1] -> output[0]
rank 2
  put    input[0] -> 1:scratch[1]
rank 3
  wait   0
  reduce input[0] + scratch[0] -> scratch[0]
  put    scratch[0] -> 1:scratch[0]
)");
}

TEST(BinomialGather, FourRanksDump) {
  EXPECT_EQ(dump(binomial_gather(4, 1)), R"(rank 0
  put    input[0] -> 3:scratch[0]
rank 1
  wait   2
  wait   3
  wait   3
  copy   input[0] -> output[1]
rank 2
  put    input[0] -> 1:output[2]
rank 3
  put    input[0] -> 1:output[3]
  wait   0
  put    scratch[0] -> 1:output[0]
)");
}

TEST(BinomialScatter, FourRanksDump) {
  EXPECT_EQ(dump(binomial_scatter(4, 1)), R"(rank 0
  wait   3
rank 1
  put    input[0] -> 3:scratch[0]
  put    input[3] -> 3:output[0]
  put    input[2] -> 2:output[0]
  copy   input[1] -> output[0]
rank 2
  wait   1
rank 3
  wait   1
  put    scratch[0] -> 0:output[0]
  wait   1
)");
}

}  // namespace
}  // namespace tutti
