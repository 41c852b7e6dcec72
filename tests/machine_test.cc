// Tests src/simulator/machine.cc.
//
// ROOMS: simulator
// TIER: fast

#include "simulator/machine.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

constexpr double kKiB = 1024, kMiB = 1024 * 1024;

TEST(Curve, HoldsItsValuesWhereTheyAreGiven) {
  const Curve curve{.cached = 1, .shared = 2, .memory = 5};
  EXPECT_EQ(curve.at(0), 1);
  EXPECT_EQ(curve.at(256 * kKiB), 1);
  EXPECT_DOUBLE_EQ(curve.at(4 * kMiB), 2);
  EXPECT_DOUBLE_EQ(curve.at(64 * kMiB), 5);
  EXPECT_EQ(curve.at(1e12), 5);
}

TEST(Curve, RunsAlongTheLogarithmInBetween) {
  const Curve curve{.cached = 1, .shared = 2, .memory = 5};
  EXPECT_DOUBLE_EQ(curve.at(1 * kMiB), 1.5);   // halfway from 256 KiB to 4 MiB
  EXPECT_DOUBLE_EQ(curve.at(16 * kMiB), 3.5);  // and from there to 64 MiB
  double last = 0;
  for (double bytes = 1; bytes < 1e10; bytes *= 1.3) {
    EXPECT_GE(curve.at(bytes), last);
    last = curve.at(bytes);
  }
}

TEST(Curve, MayBeFlat) {
  for (const double bytes : {1.0, 1e6, 1e9}) EXPECT_EQ(Curve::flat(3).at(bytes), 3);
}

TEST(Machine, RanksAreOnOneHostUnlessSaid) {
  Machine machine;
  machine.ranks = 4;
  EXPECT_EQ(machine.host(3), 0);
  machine.host_of = regular_hosts(2, 2);
  EXPECT_EQ(machine.host_of, (std::vector<int>{0, 0, 1, 1}));
  EXPECT_EQ(machine.host(3), 1);
}

TEST(Machine, IsWiredWhereDataTravelsByItself) {
  Machine machine;
  EXPECT_FALSE(machine.wired());
  machine.rank_port = 1e9;
  EXPECT_TRUE(machine.wired());
  machine.rank_port = 0;
  machine.pairs = {0};
  EXPECT_TRUE(machine.wired());
}

}  // namespace
}  // namespace tutti
