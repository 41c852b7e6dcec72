// Tests src/simulator/simulate.cc and stage_hands.cc against times that can be worked out by hand,
// and representatives against all ranks.
// ROOMS: algorithms simulator
// TIER: fast

#include "simulator/simulate.h"

#include <gtest/gtest.h>

#include "algorithms/catalog.h"

namespace tutti {
namespace {

constexpr Room kRoom{std::size_t{1} << 30, 1 << 20};

// Ranks joined by wires of 1 GB/s and 1 us; their own work takes no time.
Machine wires(int ranks) {
  Machine machine;
  machine.ranks = ranks;
  machine.rank_port = 1e9;
  machine.near.latency = 1e-6;
  return machine;
}

SimulatedCall one_block(std::size_t piece) {
  return {.piece_bytes = piece, .tile_bytes = piece, .room = kRoom};
}

Schedule make(Collective collective, std::string_view name, const Group& group) {
  return find_algorithm(collective, name)->make(group, 0);
}

Cast all_of(const Schedule& schedule) { return cast_of(schedule, Symmetry::none(schedule.ranks)); }

double seconds(const Cast& cast, const Machine& machine, const SimulatedCall& call,
               NetworkModel network = NetworkModel::kMessages) {
  const Simulated result = simulate(cast, machine, call, {.network = network});
  EXPECT_TRUE(result.is_complete);
  return result.seconds;
}

TEST(Simulate, ARingTakesAStepForEachHop) {
  for (const NetworkModel model : {NetworkModel::kMessages, NetworkModel::kFlows}) {
    const Schedule ring = make(Collective::kAllReduce, "ring", 8);
    // 14 steps of a chunk of 1 MB and a latency each.
    EXPECT_NEAR(seconds(all_of(ring), wires(8), one_block(1'000'000), model), 14 * 1001e-6, 1e-9);
  }
}

TEST(Simulate, MessagesOfOneRankShareItsPort) {
  for (const NetworkModel model : {NetworkModel::kMessages, NetworkModel::kFlows}) {
    const Schedule pairs = make(Collective::kAllToAll, "all_pairs", 5);
    EXPECT_NEAR(seconds(all_of(pairs), wires(5), one_block(1'000'000), model), 4001e-6, 1e-9);
  }
}

TEST(Simulate, OwnWorkTakesTheRanksTime) {
  Machine machine;
  machine.ranks = 2;
  machine.rank.write_peer = Curve::flat(1e-9);
  machine.rank.give = 100e-9;
  machine.rank.take = 10e-9;
  machine.near.latency = 1e-6;
  const Schedule direct = make(Collective::kSendRecv, "direct", 2);
  EXPECT_NEAR(seconds(all_of(direct), machine, one_block(1000)), 1e-6 + 100e-9 + 1e-6 + 10e-9,
              1e-12);
}

TEST(Simulate, PipelinesBlocks) {
  Machine machine = wires(4);
  const Schedule ring = make(Collective::kBroadcast, "ring", 4);
  SimulatedCall call = one_block(3'000'000);
  const double whole = seconds(all_of(ring), machine, call);
  call.tile_bytes = 100'000;
  call.blocks = 30;
  call.lanes = 8;
  const double piped = seconds(all_of(ring), machine, call);
  EXPECT_NEAR(whole, 3 * 3001e-6, 1e-9);
  EXPECT_NEAR(piped, 3000e-6 + 2 * 100e-6 + 3 * 1e-6, 1e-9);
}

TEST(Simulate, AFewBlocksTellThePaceOfAll) {
  const Group group = Group::on_hosts(regular_hosts(8, 2));
  Machine machine = wires(16);
  machine.host_of = group.hosts;
  machine.host_port = 0.5e9;
  machine.ports = 2;
  machine.far.latency = 5e-6;
  const SimulatedCall call{
      .piece_bytes = 10'000'000, .tile_bytes = 10'000, .blocks = 1000, .lanes = 4, .room = kRoom};
  for (const char* name : {"ring", "tree", "double_tree", "halving_doubling", "recursive_doubling",
                           "two_shot", "hierarchical_ring", "hierarchical_doubling"}) {
    const Cast cast = all_of(make(Collective::kAllReduce, name, group));
    const Simulated all = simulate(cast, machine, call);
    const Simulated few = simulate(cast, machine, call, {.most_blocks = 1});
    EXPECT_EQ(few.blocks, 32u);
    EXPECT_NEAR(few.seconds / all.seconds, 1, 0.05) << name;
    EXPECT_NEAR(few.link_bytes[0] / all.link_bytes[0], 1, 1e-9);
  }
}

TEST(Simulate, WaitsForCreditsWhereScratchIsShort) {
  const Cast ring = all_of(make(Collective::kAllReduce, "ring", 4));
  SimulatedCall call{
      .piece_bytes = 1'000'000, .tile_bytes = 10'000, .blocks = 100, .lanes = 8, .room = kRoom};
  Machine machine = wires(4);
  machine.near.latency = 1e-3;
  const double roomy = seconds(ring, machine, call);
  call.room.scratch_bytes = 2 * 3 * 10'048;  // two blocks of three chunks
  EXPECT_GT(seconds(ring, machine, call), 3 * roomy);
}

// Whatever memory there is: the same work is done, later.
TEST(Simulate, ShortMemorySlowsBlocksDownAndLosesNone) {
  int slowed = 0;
  for (const Algorithm& algorithm : catalog()) {
    const Group group = Group::on_hosts(regular_hosts(2, 2));
    if (algorithm.collective == Collective::kSendRecv || !allows(algorithm, group)) continue;
    const Cast cast = all_of(algorithm.make(group, 0));
    Machine machine = wires(4);
    machine.host_of = group.hosts;
    machine.host_port = 1e9;
    machine.far.latency = 20e-6;
    SimulatedCall call{
        .piece_bytes = 40'000, .tile_bytes = 1000, .blocks = 40, .lanes = 8, .room = kRoom};
    const Simulated roomy = simulate(cast, machine, call);
    call.room = {static_cast<std::size_t>(2 * std::max(cast.scratch_chunks, 1) * 1024),
                 static_cast<std::size_t>(2 * std::max(cast.lines, 1))};
    const Simulated tight = simulate(cast, machine, call);
    EXPECT_TRUE(tight.is_complete) << algorithm.name;
    EXPECT_EQ(tight.link_bytes, roomy.link_bytes) << algorithm.name;
    EXPECT_GT(tight.seconds, 0.999 * roomy.seconds) << algorithm.name;
    slowed += tight.seconds > 1.2 * roomy.seconds;
  }
  EXPECT_GT(slowed, 40);
}

TEST(Simulate, RanksOnOneCoreTakeTurns) {
  Machine machine;
  machine.ranks = 4;
  machine.rank.write_peer = Curve::flat(1e-9);
  const Cast pairs = all_of(make(Collective::kAllToAll, "all_pairs", 4));
  const double apart = seconds(pairs, machine, one_block(1'000'000));
  machine.cores = 2;
  const double shared = seconds(pairs, machine, one_block(1'000'000));
  EXPECT_NEAR(shared / apart, 2, 0.01);
}

TEST(Simulate, ARepresentativeStandsForAll) {
  Machine machine = wires(8);
  machine.rank.instruction = 20e-9;
  machine.rank.read_user = Curve::flat(1e-10);
  const SimulatedCall call{
      .piece_bytes = 100'000, .tile_bytes = 10'000, .blocks = 10, .lanes = 3, .room = kRoom};
  struct Case {
    Collective collective;
    const char* name;
    Symmetry::Kind kind;
  };
  for (const Case& c :
       {Case{Collective::kAllReduce, "ring", Symmetry::Kind::kRotation},
        Case{Collective::kAllToAll, "bruck", Symmetry::Kind::kRotation},
        Case{Collective::kBarrier, "dissemination", Symmetry::Kind::kRotation},
        Case{Collective::kAllReduce, "recursive_doubling", Symmetry::Kind::kExclusiveOr},
        Case{Collective::kAllReduce, "halving_doubling", Symmetry::Kind::kExclusiveOr}}) {
    const Schedule schedule = make(c.collective, c.name, 8);
    for (const NetworkModel model : {NetworkModel::kMessages, NetworkModel::kFlows}) {
      const double all = seconds(all_of(schedule), machine, call, model);
      for (const int stride : {1, 2, 4}) {
        const Cast some = cast_of(schedule, {c.kind, 8, stride});
        EXPECT_NEAR(seconds(some, machine, call, model), all, 1e-12) << c.name << " " << stride;
      }
    }
  }
}

// Four hosts of two ranks: representatives are those of a host.
TEST(Simulate, AHostStandsForAllHosts) {
  Machine machine = wires(8);
  machine.host_of = regular_hosts(4, 2);
  machine.host_port = 5e8;
  machine.far.latency = 10e-6;
  const SimulatedCall call{
      .piece_bytes = 100'000, .tile_bytes = 10'000, .blocks = 10, .lanes = 3, .room = kRoom};
  for (const char* name : {"ring", "hierarchical_ring"}) {
    const Schedule schedule = make(Collective::kAllReduce, name, Group::on_hosts(machine.host_of));
    const double all = seconds(all_of(schedule), machine, call);
    const Cast some = cast_of(schedule, {Symmetry::Kind::kRotation, 8, 2});
    EXPECT_NEAR(seconds(some, machine, call) / all, 1, 1e-6) << name;
  }
}

TEST(Simulate, EveryAlgorithmEnds) {
  Machine machine;
  machine.host_of = regular_hosts(3, 2);
  machine.ranks = 6;
  machine.host_port = 1e9;
  machine.far.latency = 1e-6;
  for (const Algorithm& algorithm : catalog()) {
    const Group group = algorithm.collective == Collective::kSendRecv
                            ? Group::on_hosts({0, 1})
                            : Group::on_hosts(machine.host_of);
    if (!allows(algorithm, group)) continue;
    machine.ranks = group.ranks;
    machine.host_of = group.hosts;
    const SimulatedCall call{
        .piece_bytes = 1000, .tile_bytes = 100, .blocks = 10, .lanes = 2, .room = kRoom};
    const Simulated result = simulate(all_of(algorithm.make(group, 0)), machine, call);
    EXPECT_TRUE(result.is_complete) << algorithm.name;
    EXPECT_GT(result.seconds, 0) << algorithm.name;
  }
}

}  // namespace
}  // namespace tutti
