// Tests algorithms/hierarchical*.cc for all numbers of ranks on up to 6 hosts of up to 6 ranks.
//
// ROOMS: algorithms
// TIER: long
// SANITIZERS: none

#include "hierarchical_shapes.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

constexpr int kMostHosts = 6, kMostRanks = 6;

TEST(HierarchicalShapes, EverythingVerifiesWhereRanksFollowEachOther) {
  const auto shapes = test::shapes_of_hosts(kMostHosts, kMostRanks);
  EXPECT_EQ(shapes.size(), 21u + 56 + 126 + 252 + 462);
  for (const Group& group : shapes) test::expect_right(group);
}

TEST(HierarchicalShapes, EverythingVerifiesWhereRanksAreScattered) {
  for (const Group& group : test::shapes_of_hosts(kMostHosts, kMostRanks, /*scattered=*/true)) {
    test::expect_right(group);
  }
}

TEST(HierarchicalShapes, WhatCrossesIsAsSaid) {
  for (const Group& group : test::shapes_of_hosts(kMostHosts, kMostRanks, /*scattered=*/true)) {
    test::expect_crossings_as_said(group);
  }
}

}  // namespace
}  // namespace tutti
