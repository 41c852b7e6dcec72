// Tests src/simulator/links.cc.
//
// ROOMS: simulator
// TIER: fast

#include "simulator/links.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tutti {
namespace {

std::vector<std::string> names(const Links& links, int from, int to) {
  std::vector<std::string> names;
  const Route route = links.route(from, to);
  for (const int link : route.all()) names.push_back(links.name(link));
  return names;
}

using Names = std::vector<std::string>;

Machine hosts(int count, int per_host) {
  Machine machine;
  machine.ranks = count * per_host;
  machine.host_of = regular_hosts(count, per_host);
  return machine;
}

TEST(Links, ThereAreNoneWhereNothingLimits) {
  const Machine machine = hosts(2, 2);
  const Links links(machine, Symmetry::none(4));
  EXPECT_EQ(links.count(), 0);
  EXPECT_EQ(names(links, 0, 3), Names{});
  EXPECT_TRUE(links.route(0, 3).is_far);
  EXPECT_FALSE(links.route(0, 1).is_far);
  EXPECT_EQ(links.shortest(links.route(0, 3), 1e9), 0);
}

TEST(Links, InsideAHostRanksHavePorts) {
  Machine machine = hosts(2, 2);
  machine.rank_port = 5e9;
  machine.host_port = 1e9;
  const Links links(machine, Symmetry::none(4));
  EXPECT_EQ(links.count(), 4 * 2 + 2 * 2);
  EXPECT_EQ(names(links, 2, 3), (Names{"rank 2 out", "rank 3 in"}));
  EXPECT_EQ(names(links, 2, 1), (Names{"host 1 port 0 out", "host 0 port 0 in"}));
  EXPECT_DOUBLE_EQ(links.shortest(links.route(2, 3), 1e9), 0.2);
  EXPECT_DOUBLE_EQ(links.shortest(links.route(2, 1), 1e9), 1);
}

TEST(Links, RanksOfAHostTakeItsPortsInTurn) {
  Machine machine = hosts(2, 3);
  machine.host_port = 1e9;
  machine.ports = 2;
  const Links links(machine, Symmetry::none(6));
  EXPECT_EQ(names(links, 0, 4), (Names{"host 0 port 0 out", "host 1 port 1 in"}));
  EXPECT_EQ(names(links, 2, 5), (Names{"host 0 port 0 out", "host 1 port 0 in"}));
}

TEST(Links, LeavesLieBetweenTheirHosts) {
  Machine machine = hosts(4, 1);
  machine.host_port = 1e9;
  machine.leaf_hosts = 2;
  machine.leaf_port = 0.5e9;
  const Links links(machine, Symmetry::none(4));
  EXPECT_EQ(names(links, 0, 1), (Names{"host 0 port 0 out", "host 1 port 0 in"}));
  EXPECT_EQ(names(links, 0, 3),
            (Names{"host 0 port 0 out", "host 3 port 0 in", "leaf 0 out", "leaf 1 in"}));
  EXPECT_DOUBLE_EQ(links.shortest(links.route(0, 3), 1e9), 2);
}

TEST(Links, PairsHaveLinksOfTheirOwnWhereThereAreSome) {
  Machine machine = hosts(2, 2);
  machine.rank_port = 5e9;
  machine.pairs = {0, 20e9, 0, 0};
  const Links links(machine, Symmetry::none(4));
  EXPECT_EQ(names(links, 0, 1), (Names{"rank 0 to rank 1"}));
  EXPECT_EQ(names(links, 2, 3), (Names{"rank 2 to rank 3"}));
  EXPECT_EQ(names(links, 3, 2), (Names{"rank 3 out", "rank 2 in"}));
  EXPECT_DOUBLE_EQ(links.capacity(links.route(0, 1).links[0]), 20e9);
}

// The wire into a rank's representative stands for the wire into the rank.
TEST(Links, RepresentativesStandInForOthers) {
  Machine machine = hosts(4, 2);
  machine.rank_port = 5e9;
  machine.host_port = 1e9;
  machine.ports = 2;
  const Links links(machine, {Symmetry::Kind::kRotation, 8, 2});
  EXPECT_EQ(links.count(), 2 * 2 + 2 * 2);
  EXPECT_EQ(names(links, 1, 6), (Names{"host 0 port 1 out", "host 0 port 0 in"}));
  EXPECT_EQ(names(links, 0, 1), (Names{"rank 0 out", "rank 1 in"}));
}

TEST(Links, EveryLinkHasANameOfItsOwn) {
  Machine machine = hosts(4, 2);
  machine.rank_port = 5e9;
  machine.host_port = 1e9;
  machine.ports = 2;
  machine.leaf_hosts = 2;
  machine.leaf_port = 1e9;
  machine.pairs = {0, 1e9, 1e9, 0};
  const Links links(machine, Symmetry::none(8));
  Names all;
  for (int link = 0; link < links.count(); ++link) all.push_back(links.name(link));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

}  // namespace
}  // namespace tutti
