// Tests src/planner/collective_costs.cc, pipeline_costs.cc and shared_cores.cc: against the
// library's schedules, and pipelines that are simulated to their end.
//
// ROOMS: planner
// SANITIZERS: none

#include <gtest/gtest.h>

#include "algorithms/catalog.h"
#include "planner/collective_costs.h"
#include "planner/pipeline_costs.h"
#include "planner/shared_cores.h"
#include "schedule/cost.h"

namespace tutti::planner {
namespace {

// A second a message, and a byte a second; or one of them alone.
MachineShape plain(double latency, double bandwidth) {
  MachineShape machine;
  machine.inside = {bandwidth, latency};
  machine.between = {bandwidth, latency};
  machine.efficiency.inside = machine.efficiency.between = 1;
  machine.efficiency.contention = 0;
  return machine;
}

Cost cost_of(Collective collective, const char* algorithm, int ranks) {
  return cost(*schedule_of(collective, algorithm, ranks, 0));
}

TEST(PlannerCollectives, TakeTheBytesOfTheLibrarysRings) {
  for (int n = 2; n <= 17; ++n) {
    const MachineShape machine = plain(0, 1);
    const Cost gather = cost_of(Collective::kAllGather, "ring", n);
    const Cost reduce = cost_of(Collective::kAllReduce, "ring", n);
    const GroupShape group{n, 1, n};
    EXPECT_DOUBLE_EQ(all_gather_seconds(machine, group, n), gather.chunks_sent) << n;
    EXPECT_DOUBLE_EQ(reduce_scatter_seconds(machine, group, n), gather.chunks_sent) << n;
    EXPECT_DOUBLE_EQ(all_reduce_seconds(machine, group, n), reduce.chunks_sent) << n;
  }
}

TEST(PlannerCollectives, TakeTheStepsOfTheLibrarysDoublingWhereTheyAreFewest) {
  for (const int n : {2, 4, 8, 16, 32}) {
    const MachineShape machine = plain(1, 1e30);
    const Cost doubling = cost_of(Collective::kAllGather, "recursive_doubling", n);
    EXPECT_NEAR(all_gather_seconds(machine, {n, 1, n}, 1), doubling.steps, 1e-9) << n;
  }
}

TEST(PlannerCollectives, OneRankSaysNothing) {
  EXPECT_EQ(all_reduce_seconds(plain(1, 1), {}, 100), 0);
  EXPECT_EQ(pass_seconds(plain(1, 1), {}, 100), 0);
}

// Half of the data comes into each of two nodes, by as many ports as the group has ranks there.
TEST(PlannerCollectives, GroupsUseThePortsOfTheirRanks) {
  MachineShape machine = plain(0, 1);
  machine.inside.bandwidth = 1e30;
  EXPECT_DOUBLE_EQ(all_gather_seconds(machine, {16, 2, 8}, 16), 8 / 8.0);
  EXPECT_DOUBLE_EQ(all_gather_seconds(machine, {2, 2, 1}, 16), 8);
}

TEST(PlannerCollectives, NetworksOfManyNodesTire) {
  MachineShape machine = plain(0, 1);
  machine.efficiency.contention = 1;
  const double two = all_gather_seconds(machine, {2, 2, 1}, 1) / (1.0 / 2);
  const double eight = all_gather_seconds(machine, {8, 8, 1}, 1) / (7.0 / 8);
  EXPECT_DOUBLE_EQ(eight / two, 4);
}

// Groups as counted over all ranks of a mesh.
TEST(PlannerCollectives, GroupsLieWhereTheOrderOfTheMeshPutsThem) {
  const Layout layout{.dp = 4, .pp = 2, .cp = 2, .tp = 4};  // 64 ranks, 8 a node
  const auto group = [&](bool dp, bool pp, bool cp, bool tp) {
    return group_of(layout, {dp, pp, cp, tp}, 8);
  };
  EXPECT_EQ(group(false, false, false, true), (GroupShape{4, 1, 4}));
  EXPECT_EQ(group(false, false, true, false), (GroupShape{2, 1, 2}));
  EXPECT_EQ(group(false, true, false, false), (GroupShape{2, 2, 1}));
  EXPECT_EQ(group(true, false, false, false), (GroupShape{4, 4, 1}));
  EXPECT_EQ(group(true, false, true, false), (GroupShape{8, 4, 2}));
}

StageTimes uneven(int stages) {
  StageTimes times{.hand_on = 0.1};
  for (int s = 0; s < stages; ++s) {
    times.forward.push_back(1 + 0.1 * s);
    times.backward.push_back(1.2);
    times.weights.push_back(0.9);
  }
  return times;
}

std::vector<Layout> pipelines() {
  std::vector<Layout> all;
  for (const int p : {2, 4, 8}) {
    for (const PipelineKind kind : {PipelineKind::kGpipe, PipelineKind::kOneForwardOneBackward,
                                    PipelineKind::kInterleaved, PipelineKind::kZeroBubble}) {
      const int chunks = kind == PipelineKind::kInterleaved ? 2 : 1;
      all.push_back({.pp = p, .pipeline = kind, .chunks = chunks});
    }
  }
  return all;
}

TEST(PlannerPipelines, LongRunsGoOnAsTheyBegan) {
  for (const Layout& layout : pipelines()) {
    const StageTimes times = uneven(layout.pp * layout.chunks);
    const int many = 8 * layout.pp;
    const auto schedule = make_pipeline(layout.pipeline, layout.pp, layout.chunks, many);
    const double whole = time_of(*schedule, times).total;
    EXPECT_NEAR(pipeline_seconds(layout, many, times) / whole, 1, 0.02) << to_text(layout);
  }
}

MachineShape node(int devices, int cores) {
  MachineShape machine;
  machine.devices = devices;
  machine.cores = cores;
  return machine;
}

TEST(PlannerSharedCores, AreAPipelinesOwnWhereThereAreEnough) {
  for (const Layout& layout : pipelines()) {
    const StageTimes times = uneven(layout.pp * layout.chunks);
    for (const int micro_batches : {layout.pp, 2 * layout.pp}) {
      const auto schedule = make_pipeline(layout.pipeline, layout.pp, layout.chunks, micro_batches);
      const MachineShape machine = node(2 * layout.pp, layout.pp);
      EXPECT_NEAR(shared_pipeline_seconds(machine, layout, micro_batches, times),
                  time_of(*schedule, times).total, 1e-9)
          << to_text(layout);
    }
  }
}

// On one core somebody always has something to do.
TEST(PlannerSharedCores, OneCoreIsNeverIdle) {
  for (const Layout& layout : pipelines()) {
    StageTimes times = uneven(layout.pp * layout.chunks);
    times.hand_on = 0;
    double work = 0;
    for (const auto* part : {&times.forward, &times.backward, &times.weights}) {
      for (const double seconds : *part) work += seconds;
    }
    for (const int micro_batches : {layout.pp, 8 * layout.pp}) {
      EXPECT_NEAR(shared_pipeline_seconds(node(layout.pp, 1), layout, micro_batches, times),
                  micro_batches * work / layout.pp, 1e-9)
          << to_text(layout);
    }
  }
}

// Four stages on two cores, four micro-batches: of 32 seconds each core computes for 24. Forward
// passes take two seconds where two ranks share a core.
TEST(PlannerSharedCores, WaitForEachOther) {
  const Layout layout{.pp = 4};
  const StageTimes times{
      .forward = {2, 2, 2, 2}, .backward = {4, 4, 4, 4}, .weights = {0, 0, 0, 0}};
  EXPECT_NEAR(shared_pipeline_seconds(node(4, 2), layout, 4, times), 32, 1e-9);
}

// Between their first task and their last.
int most_kept(const PipelineSchedule& schedule, int rank, int chunk) {
  using enum PipelineWork;
  int now = 0, most = 0;
  for (const PipelineTask& task : schedule.tasks[static_cast<std::size_t>(rank)]) {
    if (task.chunk != chunk) continue;
    if (task.work == kForward) most = std::max(most, ++now);
    if (task.work == (schedule.splits_backward ? kWeights : kBackward)) --now;
  }
  return most;
}

TEST(PlannerPipelines, KeepWhatTheirSchedulesKeep) {
  for (const Layout& layout : pipelines()) {
    for (const int m : {layout.pp, 4 * layout.pp}) {
      const auto schedule = make_pipeline(layout.pipeline, layout.pp, layout.chunks, m);
      for (int rank = 0; rank < layout.pp; ++rank) {
        for (int chunk = 0; chunk < layout.chunks; ++chunk) {
          EXPECT_EQ(most_in_flight(layout, m, rank, chunk), most_kept(*schedule, rank, chunk))
              << to_text(layout) << " rank " << rank << " chunk " << chunk << " of " << m;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tutti::planner
