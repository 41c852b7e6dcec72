// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/dissemination.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/dissemination.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(DisseminationBarrier, ThreeRanksDump) {
  EXPECT_EQ(dump(dissemination_barrier(3)), R"(rank 0
  signal 1
  wait   2
  signal 2
  wait   1
rank 1
  signal 2
  wait   0
  signal 0
  wait   2
rank 2
  signal 0
  wait   1
  signal 1
  wait   0
)");
}

}  // namespace
}  // namespace tutti
