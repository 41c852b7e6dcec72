// Tests algorithms/hierarchical*.cc and crossing.cc: what small schedules look like, what crosses
// between hosts, and that every step is needed. hierarchical_shapes_test.cc has more hosts.
//
// ROOMS: algorithms
// TIER: fast

#include "algorithms/hierarchical.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "algorithms/catalog.h"
#include "algorithms/crossing.h"
#include "groups.h"
#include "hierarchical_shapes.h"
#include "schedule/cost.h"
#include "schedule/draw.h"
#include "schedule/verify.h"

namespace tutti {
namespace {

using enum Collective;
using test::on_hosts_of;

Schedule make(Collective collective, std::string_view name, const Group& group, int root = 0) {
  return find_algorithm(collective, name)->make(group, root);
}

// ---- small enough to check by eye

TEST(Hierarchical, AllReduceOfTwoHostsOfTwoRanksDump) {
  EXPECT_EQ(dump(make(kAllReduce, "hierarchical_doubling", on_hosts_of({2, 2}))), R"(rank 0
  put    input[1] -> 1:scratch[0]
  wait   1
  reduce input[0] + scratch[0] -> output[0]
  copy   output[0] -> scratch[1]
  put    scratch[1] -> 2:scratch[1]
  wait   2
  reduce scratch[1] + scratch[2] -> output[0]
  put    output[0] -> 1:output[0]
  wait   1
rank 1
  put    input[0] -> 0:scratch[0]
  wait   0
  reduce scratch[0] + input[1] -> output[1]
  copy   output[1] -> scratch[1]
  put    scratch[1] -> 3:scratch[1]
  wait   3
  reduce scratch[1] + scratch[2] -> output[1]
  put    output[1] -> 0:output[1]
  wait   0
rank 2
  put    input[1] -> 3:scratch[0]
  wait   3
  reduce input[0] + scratch[0] -> output[0]
  copy   output[0] -> scratch[2]
  put    scratch[2] -> 0:scratch[2]
  wait   0
  reduce scratch[1] + scratch[2] -> output[0]
  put    output[0] -> 3:output[0]
  wait   3
rank 3
  put    input[0] -> 2:scratch[0]
  wait   2
  reduce scratch[0] + input[1] -> output[1]
  copy   output[1] -> scratch[2]
  put    scratch[2] -> 1:scratch[2]
  wait   1
  reduce scratch[1] + scratch[2] -> output[1]
  put    output[1] -> 2:output[1]
  wait   2
)");
}

// Ranks 0 and 2 share a host. The chunk of rank 1 comes once, to rank 0, while the host's own are
// on their way; then rank 0 passes it on.
TEST(Hierarchical, AllGatherOfScatteredRanksDrawing) {
  EXPECT_EQ(draw_text(make(kAllGather, "hierarchical_direct", Group::on_hosts({0, 1, 0}))),
            R"(time  rank 0                        rank 1                       rank 2
0     put input[0] -> 1:output[0]   put input[0] -> 0:output[1]  put input[0] -> 1:output[2]
1     copy input[0] -> output[0]    copy input[0] -> output[1]   copy input[0] -> output[2]
2     put input[0] -> 2:output[0]   wait 2                       put input[0] -> 0:output[2]
3     wait 1                        wait 0                       wait 0
4     wait 2                                                     .
5     put output[1] -> 2:output[1]                               .
6                                                                wait 0
)");
}

TEST(Hierarchical, BarrierOfTwoHostsOfTwoRanksDump) {
  EXPECT_EQ(dump(make(kBarrier, "hierarchical_dissemination", on_hosts_of({2, 2})).at(1)),
            "  signal 0\n"
            "  wait   0\n"
            "  signal 3\n"
            "  wait   3\n");
}

// ---- one network delay

TEST(Hierarchical, TwoHostsExchangeOnceHoweverManyRanksTheyHave) {
  for (const std::vector<int>& sizes : std::vector<std::vector<int>>{{2, 2}, {1, 6}, {5, 3}}) {
    const Group group = on_hosts_of(sizes);
    for (const std::string_view name : {"hierarchical_doubling", "hierarchical_one_shot"}) {
      const Schedule schedule = make(kAllReduce, name, group);
      EXPECT_EQ(crossing(schedule, group).steps, 1) << name << " " << test::to_text(group);
      EXPECT_LE(cost(schedule).steps, 3) << name << " " << test::to_text(group);
    }
  }
}

// ---- what crosses

TEST(Crossing, CountsMessagesBetweenHostsOnly) {
  Schedule chain(kBroadcast, 4, /*chunks=*/1, /*scratch_chunks=*/0);
  chain.at(0).copy(input(0), output(0));
  for (int rank = 1; rank < 4; ++rank) {
    chain.at(rank - 1).put(rank == 1 ? input(0) : output(0), rank, output(0));
    chain.at(rank).wait(rank - 1);
  }
  ASSERT_EQ(verify(chain), "");
  EXPECT_EQ(crossing(chain, 4), (Crossing{0, {0}, {0}, {0, 0, 0, 0}}));
  EXPECT_EQ(crossing(chain, Group::on_hosts({0, 0, 1, 1})),
            (Crossing{1, {1, 0}, {0, 1}, {0, 1, 1, 0}}));
  EXPECT_EQ(crossing(chain, Group::on_hosts({0, 1, 1, 0})),
            (Crossing{2, {1, 1}, {1, 1}, {1, 1, 1, 1}}));
}

TEST(Hierarchical, WhatCrossesIsAsSaidForSmallShapes) {
  for (const Group& group : test::shapes_of_hosts(/*most_hosts=*/4, /*most_ranks=*/3)) {
    test::expect_crossings_as_said(group);
  }
}

TEST(Hierarchical, PeersDoNotGrowWithTheRanksOfAHost) {
  for (const int hosts : {2, 4, 8, 16, 32}) {
    const int log = std::countr_zero(static_cast<unsigned>(hosts));
    for (const int ranks : {1, 4, 8}) {
      const Group group = on_hosts_of(std::vector(hosts, ranks));
      const auto most = [&](std::string_view name) {
        const Crossing crossed = crossing(make(kAllReduce, name, group), group);
        return *std::max_element(crossed.peers.begin(), crossed.peers.end());
      };
      EXPECT_EQ(most("hierarchical_ring"), std::min(2, hosts - 1));
      EXPECT_EQ(most("hierarchical_doubling"), log);
      EXPECT_EQ(most("hierarchical_binomial"), std::max(1, 2 * log - 1));
      EXPECT_EQ(most("hierarchical_one_shot"), hosts - 1);
    }
  }
}

TEST(Hierarchical, VerifiesForSmallShapes) {
  for (const Group& group : test::shapes_of_hosts(/*most_hosts=*/4, /*most_ranks=*/3)) {
    test::expect_right(group);
  }
}

// ---- mutants

TEST(Hierarchical, EveryStepIsNeeded) {
  int mutants = 0;
  for (const Group& group : {on_hosts_of({3, 1, 2}), Group::on_hosts({0, 1, 0, 1, 2, 2})}) {
    test::for_each_hierarchical(group, [&](const Algorithm& algorithm, const Schedule& good) {
      for (int rank = 0; rank < good.ranks; ++rank) {
        for (std::size_t i = 0; i < good.at(rank).steps.size(); ++i) {
          Schedule bad = good;
          bad.at(rank).steps.erase(bad.at(rank).steps.begin() + i);
          EXPECT_NE(verify(bad), "") << algorithm.name << ", " << test::to_text(group) << ": rank "
                                     << rank << " does not need step " << i;
          ++mutants;
        }
      }
    });
  }
  EXPECT_GT(mutants, 4000);
}

}  // namespace
}  // namespace tutti
