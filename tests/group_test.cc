// Tests algorithms/group.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/group.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

using Hosts = std::vector<std::vector<int>>;

TEST(Group, ANumberOfRanksIsOneHost) {
  const Group group = 3;
  EXPECT_EQ(group.host_count(), 1);
  EXPECT_EQ(group.by_host(), (Hosts{{0, 1, 2}}));
  EXPECT_EQ(group, Group::on_hosts({7, 7, 7}));
}

TEST(Group, HostsAreNumberedByTheirLowestRank) {
  const Group group = Group::on_hosts({9, 4, 9, 0, 4});
  EXPECT_EQ(group.hosts, (std::vector<int>{0, 1, 0, 2, 1}));
  EXPECT_EQ(group.by_host(), (Hosts{{0, 2}, {1, 4}, {3}}));
  EXPECT_EQ(group, Group::on_hosts(group.hosts));
}

TEST(Group, KnowsItsLargestAndSmallestHost) {
  const Group group = Group::on_hosts({0, 0, 0, 1, 2, 2});
  EXPECT_EQ(group.ranks, 6);
  EXPECT_EQ(group.host_count(), 3);
  EXPECT_EQ(group.most_ranks_per_host(), 3);
  EXPECT_EQ(group.least_ranks_per_host(), 1);
}

}  // namespace
}  // namespace tutti
