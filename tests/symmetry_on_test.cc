// Tests src/simulator/symmetry_on.cc: representatives stand for all ranks, of every algorithm and
// on both networks.
//
// ROOMS: algorithms simulator
// TIER: fast

#include "simulator/symmetry_on.h"

#include <gtest/gtest.h>

#include "algorithms/catalog.h"
#include "simulator/simulate.h"

namespace tutti {
namespace {

using Kind = Symmetry::Kind;

Machine machine_of(int hosts, int per_host) {
  Machine machine;
  machine.ranks = hosts * per_host;
  machine.host_of = regular_hosts(hosts, per_host);
  machine.rank.block = 30e-9;
  machine.rank.instruction = 20e-9;
  machine.rank.give = 50e-9;
  machine.rank.take = 40e-9;
  machine.rank.read_user = machine.rank.write_peer = Curve::flat(1e-10);
  machine.near = {.latency = 1e-6, .message = 100e-9};
  machine.far = {.latency = 5e-6, .message = 300e-9, .receive = 200e-9, .overhead = 40};
  machine.rank_port = 20e9;
  machine.host_port = 3e9;
  machine.ports = 2;
  return machine;
}

TEST(SymmetryOn, KeepsHostsAndLeavesWhole) {
  const Symmetry turn{Kind::kRotation, 24, 1}, bits{Kind::kExclusiveOr, 16, 1};
  EXPECT_EQ(symmetry_on(machine_of(1, 24), turn), turn);
  EXPECT_EQ(symmetry_on(machine_of(12, 2), turn), (Symmetry{Kind::kRotation, 24, 2}));
  EXPECT_EQ(symmetry_on(machine_of(4, 4), bits), (Symmetry{Kind::kExclusiveOr, 16, 4}));
  Machine leaves = machine_of(12, 2);
  leaves.leaf_hosts = 4;
  EXPECT_EQ(symmetry_on(leaves, turn).stride, 2) << "leaves that limit nothing";
  leaves.leaf_port = 1e9;
  EXPECT_EQ(symmetry_on(leaves, turn).stride, 8);
  leaves.leaf_hosts = 5;
  EXPECT_EQ(symmetry_on(leaves, turn), Symmetry::none(24));
}

TEST(SymmetryOn, FindsNoneWhereRanksDiffer) {
  const Symmetry turn{Kind::kRotation, 6, 1};
  Machine uneven = machine_of(2, 3);
  uneven.host_of = {0, 0, 0, 0, 1, 1};
  EXPECT_EQ(symmetry_on(uneven, turn), Symmetry::none(6));
  Machine shared = machine_of(1, 6);
  shared.cores = 3;
  EXPECT_EQ(symmetry_on(shared, turn), Symmetry::none(6));
  shared.cores = 6;
  EXPECT_EQ(symmetry_on(shared, turn), turn);
  EXPECT_EQ(symmetry_on(machine_of(2, 3), Symmetry::none(6)), Symmetry::none(6));
  EXPECT_EQ(symmetry_on(machine_of(3, 2), {Kind::kExclusiveOr, 6, 3}), Symmetry::none(6));
}

struct Ground {
  const char* name;
  Machine machine;
  // What reaches a link at the same time from several ranks must go in some order there, which
  // cannot be alike for all. Flows have no order.
  double tolerance_of_messages = 1e-9;
};

std::vector<Ground> grounds() {
  Machine memory = machine_of(4, 2);
  memory.rank_port = 0;
  Machine leaves = machine_of(8, 2);
  leaves.leaf_hosts = 2;
  leaves.leaf_port = 4e9;
  Machine cores = machine_of(4, 4);
  cores.rank_port = 0;
  cores.cores = 2;
  Machine pairs = machine_of(4, 2);
  pairs.pairs = {0, 40e9, 30e9, 0};
  return {{"one host", machine_of(1, 8)},
          {"hosts", machine_of(4, 2)},
          {"three", machine_of(3, 3)},
          {"memory", memory},
          {"leaves", leaves, 0.03},
          {"cores", cores},
          {"pairs", pairs}};
}

TEST(SymmetryOn, RepresentativesStandForAllRanks) {
  int compared = 0;
  for (const Ground& ground : grounds()) {
    const Machine& machine = ground.machine;
    const Group group = Group::on_hosts(machine.host_of);
    for (const Algorithm& algorithm : catalog()) {
      if (!allows(algorithm, group)) continue;
      const Symmetry symmetry = symmetry_on(machine, algorithm.alike(group));
      if (symmetry.kind == Kind::kNone) continue;
      const Schedule schedule = algorithm.make(group, 0);
      Group some = group;
      for (int rank = 0; rank < symmetry.representatives(); ++rank) some.wanted.push_back(rank);
      const Schedule lazy = algorithm.make(some, 0);
      for (const NetworkModel model : {NetworkModel::kMessages, NetworkModel::kFlows}) {
        const SimulatedCall call{.piece_bytes = 50'000,
                                 .tile_bytes = 10'000,
                                 .blocks = 5,
                                 .lanes = 3,
                                 .room = {std::size_t{1} << 30, 1 << 20}};
        const Simulated all =
            simulate(cast_of(schedule, Symmetry::none(group.ranks)), machine, call, {model});
        const Simulated few = simulate(cast_of(lazy, symmetry), machine, call, {model});
        EXPECT_TRUE(all.is_complete && few.is_complete);
        const bool is_flows = model == NetworkModel::kFlows;
        EXPECT_NEAR(few.seconds / all.seconds, 1, is_flows ? 1e-9 : ground.tolerance_of_messages)
            << name(algorithm.collective) << " " << algorithm.name << " on " << ground.name
            << (is_flows ? ", flows" : ", messages");
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 150);
}

}  // namespace
}  // namespace tutti
