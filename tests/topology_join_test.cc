// Tests src/topology/place_rank.cc and join.cc.
//
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include "topology/place_rank.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

using Ranks = std::vector<CpuRank>;

// Two NUMA nodes of two processors; a GPU behind a switch on the second.
TopologyHost small_host(const std::string& id) {
  TopologyHost host;
  host.name = "box";
  host.id = id;
  host.cpus.resize(2);
  for (int numa = 0; numa < 2; ++numa) {
    host.cpus[numa].numa = numa;
    host.cpus[numa].cpus = {2 * numa, 2 * numa + 1};
  }
  PciDevice gpu;
  gpu.bus = "0000:5d:00.0";
  gpu.gpu.emplace();
  PciDevice bridge;
  bridge.bus = "0000:58:00.0";
  bridge.devices = {gpu};
  host.cpus[1].devices = {bridge};
  return host;
}

Gpu& gpu_of(TopologyHost& host) { return *host.cpus[1].devices[0].devices[0].gpu; }

TEST(PlaceRank, ARankIsWhereMostOfItsProcessorsAre) {
  TopologyHost host = small_host("");
  ASSERT_TRUE(place_rank(host, 0, {3}).ok());
  ASSERT_TRUE(place_rank(host, 1, {0, 1, 2}).ok());
  EXPECT_EQ(host.cpus[0].ranks, (Ranks{{1, {0, 1, 2}}}));
  EXPECT_EQ(host.cpus[1].ranks, (Ranks{{0, {3}}}));
}

TEST(PlaceRank, RanksThatMayRunAnywhereAreSpread) {
  TopologyHost host = small_host("");
  const std::vector<int> anywhere = {0, 1, 2, 3};
  for (int rank = 0; rank < 4; ++rank) ASSERT_TRUE(place_rank(host, rank, anywhere).ok());
  EXPECT_EQ(host.cpus[0].ranks, (Ranks{{0, anywhere}, {2, anywhere}}));
  EXPECT_EQ(host.cpus[1].ranks, (Ranks{{1, anywhere}, {3, anywhere}}));
}

TEST(PlaceRank, ARankMayWorkOnAGpu) {
  TopologyHost host = small_host("");
  ASSERT_TRUE(place_rank(host, 7, {0}, 0).ok());
  EXPECT_EQ(gpu_of(host).rank, 7);
  EXPECT_TRUE(host.cpus[0].ranks.empty());
}

TEST(PlaceRank, AGpuThatIsNotThereOrHasARankIsAnError) {
  TopologyHost host = small_host("");
  EXPECT_EQ(place_rank(host, 0, {0}, 1).to_string(),
            "invalid argument: rank 0: gpu: 1: expected one that host box has");
  ASSERT_TRUE(place_rank(host, 0, {0}, 0).ok());
  EXPECT_EQ(place_rank(host, 1, {0}, 0).to_string(),
            "invalid argument: rank 1: gpu: 0: expected one without a rank; it has 0");
}

TEST(PlaceRank, AHostWithoutProcessorsHoldsNoRank) {
  TopologyHost host;
  EXPECT_EQ(place_rank(host, 0, {0}).code(), Code::kInvalidArgument);
}

TEST(Join, HostsOfDifferentIdsStaySeparate) {
  const Topology a{{small_host("a")}}, b{{small_host("b"), small_host("c")}};
  const Topology all = join({a, b});
  ASSERT_EQ(all.hosts.size(), 3u);
  EXPECT_EQ(all.hosts[0].id, "a");
  EXPECT_EQ(all.hosts[2].id, "c");
}

TEST(Join, HostsWithoutAnIdAreNeverTheSame) {
  EXPECT_EQ(join({Topology{{small_host("")}}, Topology{{small_host("")}}}).hosts.size(), 2u);
}

TEST(Join, AHostThatSeveralDescribeHasTheRanksOfAll) {
  TopologyHost first = small_host("a"), second = small_host("a");
  second.name = "box, seen again";
  ASSERT_TRUE(place_rank(first, 2, {0}).ok());
  ASSERT_TRUE(place_rank(second, 1, {1}).ok());
  ASSERT_TRUE(place_rank(second, 3, {2}).ok());
  ASSERT_TRUE(place_rank(second, 4, {}, 0).ok());
  Topology all = join({Topology{{first}}, Topology{{second}}});
  ASSERT_EQ(all.hosts.size(), 1u);
  EXPECT_EQ(all.hosts[0].name, "box");
  EXPECT_EQ(all.hosts[0].cpus[0].ranks, (Ranks{{1, {1}}, {2, {0}}}));
  EXPECT_EQ(all.hosts[0].cpus[1].ranks, (Ranks{{3, {2}}}));
  EXPECT_EQ(gpu_of(all.hosts[0]).rank, 4);
}

TEST(Join, WithItselfChangesNothing) {
  TopologyHost host = small_host("a");
  ASSERT_TRUE(place_rank(host, 0, {0}).ok());
  ASSERT_TRUE(place_rank(host, 1, {}, 0).ok());
  const Topology one{{host}};
  EXPECT_EQ(join({one, one}), one);
  EXPECT_EQ(join({}), Topology{});
}

TEST(Join, ANodeThatTheFirstLacksLosesNoRank) {
  TopologyHost first = small_host("a"), second = small_host("a");
  first.cpus.pop_back();
  ASSERT_TRUE(place_rank(second, 0, {3}).ok());
  const Topology all = join({Topology{{first}}, Topology{{second}}});
  EXPECT_EQ(all.hosts.at(0).cpus.at(0).ranks, (Ranks{{0, {3}}}));
}

}  // namespace
}  // namespace tutti
