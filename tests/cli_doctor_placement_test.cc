// Tests the checks of `tutti doctor` about where ranks run, and who meets whom:
// src/cli/doctor_placement.cc, doctor_pairs.cc.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>

#include <set>

#include "cli/doctor_pairs.h"
#include "cli/doctor_placement.h"
#include "findings.h"

namespace tutti::cli::doctor {
namespace {

// Two sockets of two cores with two threads each: 0 and 4 are of one core, 0, 1, 4, 5 of one node.
Processors two_sockets() {
  Processors processors;
  for (int i = 0; i < 8; ++i) {
    processors.online.push_back(i);
    processors.cores[i] = i % 4;
    processors.nodes[i] = i % 4 / 2;
  }
  return processors;
}

Crew launched(std::vector<std::vector<int>> places) {
  Crew crew;
  for (std::vector<int>& place : places) {
    crew.on_machine.push_back({static_cast<int>(crew.on_machine.size()), std::move(place)});
  }
  crew.is_launched = true;
  return crew;
}

const std::vector<int> kAll = {0, 1, 2, 3, 4, 5, 6, 7};

TEST(CliDoctorPlacement, ACoreForEveryRankIsWell) {
  const Findings findings =
      check_placement(launched({{0, 4}, {1, 5}, {2, 6}, {3, 7}}), two_sockets(), {{"eth0", -1}});
  EXPECT_EQ(worst(findings), Severity::kGood) << render(findings);
}

TEST(CliDoctorPlacement, RanksBoundToOneProcessorCost) {
  const Findings findings = check_sharing(launched({{0}, {1}, {0}}), two_sockets());
  const Finding costs = only(findings, Severity::kCosts);
  EXPECT_EQ(costs.what, "ranks 0 and 2 on 1 processor (0)");
  EXPECT_TRUE(says(costs.fix, "--bind-to core")) << costs.fix;
  expect_advice(findings);
}

// Nobody is bound to one processor alone, and yet three have to make do with two.
TEST(CliDoctorPlacement, RanksThatOverlapAreCountedTogether) {
  const Findings findings = check_sharing(launched({{0, 1}, {0}, {1}}), two_sockets());
  EXPECT_EQ(only(findings, Severity::kCosts).what, "ranks 0, 1 and 2 on 2 processors (0-1)");
}

TEST(CliDoctorPlacement, MoreRanksThanProcessorsCost) {
  const Finding costs =
      only(check_sharing(launched(std::vector<std::vector<int>>(9, kAll)), two_sockets()),
           Severity::kCosts);
  EXPECT_EQ(costs.what, "ranks 0, 1, 2, 3, 4, 5, 6, 7 and 1 more on 8 processors (0-7)");
  EXPECT_EQ(costs.fix, "start no more ranks than processors");
}

TEST(CliDoctorPlacement, ThreadsOfACoreCostWhileOtherCoresAreFree) {
  const Finding costs = only(check_sharing(launched({{0}, {4}}), two_sockets()), Severity::kCosts);
  EXPECT_TRUE(says(costs.what, "ranks 0 and 1 run on threads of 1 core")) << costs.what;
  // Five ranks cannot have a core each.
  const Findings full = check_sharing(launched({{0}, {4}, {1}, {2}, {3}}), two_sockets());
  EXPECT_EQ(worst(full), Severity::kNote) << render(full);
}

TEST(CliDoctorPlacement, UnboundRanksCostWhereMemoryCanBeFar) {
  EXPECT_EQ(only(check_binding(launched({kAll, {1}}), two_sockets()), Severity::kCosts).what,
            "not bound to processors: rank 0");
  Processors flat = two_sockets();
  flat.nodes.clear();
  EXPECT_EQ(worst(check_binding(launched({kAll, {1}}), flat)), Severity::kNote);
}

TEST(CliDoctorPlacement, RanksAwayFromTheDeviceCostWhereAllAre) {
  const std::vector<PlacedDevice> devices = {{"mlx5_0:1", 1}};
  EXPECT_EQ(worst(check_distance(launched({{0}, {2}}), two_sockets(), devices)), Severity::kNote);
  const Findings all = check_distance(launched({{0}, {1}}), two_sockets(), devices);
  EXPECT_TRUE(says(only(all, Severity::kCosts).what, "NUMA node 1 of mlx5_0:1: ranks 0 and 1"));
  expect_advice(all);
  EXPECT_TRUE(check_distance(launched({{2}, {3}}), two_sockets(), devices).empty());
  EXPECT_TRUE(check_distance(launched({{0}}), two_sockets(), {{"eth0", -1}}).empty());
}

TEST(CliDoctorPlacement, AloneItTellsWhatARankWouldGet) {
  Crew alone = launched({kAll});
  alone.is_launched = false;
  EXPECT_EQ(check_placement(alone, two_sockets(), {}),
            Findings{good("a rank started here may run on 8 of 8 processors")});
  alone.on_machine[0].processors = {2, 3};
  EXPECT_TRUE(says(only(check_placement(alone, two_sockets(), {}), Severity::kNote).what,
                   "2 of 8 processors: 2-3"));
}

TEST(CliDoctorPlacement, WithoutFactsThereIsNothingToSay) {
  EXPECT_TRUE(check_placement(launched({kAll}), {}, {}).empty());
}

TEST(CliDoctorPairs, EveryPairMeetsOnceAndBothKnow) {
  for (int members = 0; members <= 17; ++members) {
    std::set<std::pair<int, int>> met;
    for (int round = 0; round < rounds_of(members); ++round) {
      for (int a = 0; a < members; ++a) {
        const int b = partner_of(a, round, members);
        if (b < 0) continue;
        ASSERT_NE(a, b);
        ASSERT_EQ(partner_of(b, round, members), a) << members << " members, round " << round;
        EXPECT_TRUE(a > b || met.insert({a, b}).second) << a << " meets " << b << " twice";
      }
    }
    EXPECT_EQ(static_cast<int>(met.size()), members * (members - 1) / 2) << members;
  }
}

}  // namespace
}  // namespace tutti::cli::doctor
