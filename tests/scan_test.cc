// Golden programs, small enough to check by eye; every other proof is in catalog_test.cc.
// Tests algorithms/scan.cc.
//
// ROOMS: algorithms
// TIER: fast

#include "algorithms/scan.h"

#include <gtest/gtest.h>

#include "schedule/verify.h"

namespace tutti {
namespace {

TEST(RingScan, ThreeRanksDump) {
  EXPECT_EQ(dump(ring_scan(3, 0)), R"(rank 0
  put    input[0] -> 1:scratch[0]
  copy   input[0] -> output[0]
rank 1
  wait   0
  reduce scratch[0] + input[0] -> output[0]
  put    output[0] -> 2:scratch[0]
rank 2
  wait   1
  reduce scratch[0] + input[0] -> output[0]
)");
}

TEST(RingExclusiveScan, ThreeRanksInReverseDump) {
  EXPECT_EQ(dump(ring_exclusive_scan(3, 2)), R"(rank 0
  wait   1
  copy   scratch[0] -> output[0]
rank 1
  wait   2
  reduce scratch[0] + input[0] -> scratch[1]
  put    scratch[1] -> 0:scratch[0]
  copy   scratch[0] -> output[0]
rank 2
  put    input[0] -> 1:scratch[0]
)");
}

TEST(RecursiveDoublingScan, RankTwoOfFourDump) {
  EXPECT_EQ(dump(recursive_doubling_scan(4, 0).at(2)), R"(  copy   input[0] -> scratch[2]
  put    scratch[2] -> 3:scratch[0]
  wait   1
  reduce scratch[0] + scratch[2] -> scratch[0]
  wait   0
  reduce scratch[1] + scratch[0] -> output[0]
)");
}

TEST(RecursiveDoublingExclusiveScan, RankOneOfFourDump) {
  EXPECT_EQ(dump(recursive_doubling_exclusive_scan(4, 0).at(1)), R"(  copy   input[0] -> scratch[2]
  put    scratch[2] -> 2:scratch[0]
  wait   0
  reduce scratch[0] + scratch[2] -> scratch[3]
  copy   scratch[0] -> output[0]
  put    scratch[3] -> 3:scratch[1]
)");
}

// What the proof says of an order that a commuting operation would not mind.
TEST(Scan, OperandsInTheWrongOrderAreNamed) {
  Schedule schedule = ring_scan(3, 0);
  std::swap(schedule.at(1).steps[1].sources[0], schedule.at(1).steps[1].sources[1]);
  EXPECT_EQ(verify(schedule),
            "wrong result: output[0] of rank 1 holds input[0] of rank 1 as operand 0, where "
            "input[0] of rank 0 belongs");
}

TEST(Scan, BeginsAtEitherEndOnly) {
  Schedule schedule = ring_scan(3, 0);
  schedule.root = 1;
  EXPECT_EQ(verify(schedule), "malformed: a scan begins at rank 0 or 2, not 1");
}

}  // namespace
}  // namespace tutti
