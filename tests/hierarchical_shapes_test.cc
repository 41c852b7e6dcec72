// Tests algorithms/hierarchical*.cc for all numbers of ranks on up to 5 hosts of up to 5 ranks,
// in the tier exhaustive up to 6 of each.
//
// ROOMS: algorithms
// TIER: long
// SANITIZERS: none

#include "hierarchical_shapes.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

void expect_everything_verifies(int most_hosts, int most_ranks) {
  for (const bool scattered : {false, true}) {
    for (const Group& group : test::shapes_of_hosts(most_hosts, most_ranks, scattered)) {
      test::expect_right(group);
    }
  }
}

void expect_that_what_crosses_is_as_said(int most_hosts, int most_ranks) {
  for (const Group& group : test::shapes_of_hosts(most_hosts, most_ranks, /*scattered=*/true)) {
    test::expect_crossings_as_said(group);
  }
}

TEST(HierarchicalShapes, AreAllThereAre) {
  EXPECT_EQ(test::shapes_of_hosts(6, 6).size(), 21u + 56 + 126 + 252 + 462);
}

TEST(HierarchicalShapes, EverythingVerifies) { expect_everything_verifies(5, 5); }
TEST(HierarchicalShapes, WhatCrossesIsAsSaid) { expect_that_what_crosses_is_as_said(5, 5); }

TEST(HierarchicalShapesExhaustive, EverythingVerifies) { expect_everything_verifies(6, 6); }
TEST(HierarchicalShapesExhaustive, WhatCrossesIsAsSaid) {
  expect_that_what_crosses_is_as_said(6, 6);
}

}  // namespace
}  // namespace tutti
