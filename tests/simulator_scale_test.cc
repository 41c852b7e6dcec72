// Simulates 65,536 ranks within the time and the memory that are promised: a minute of one core,
// and 4 GiB, of which half is enough.
//
// ROOMS: algorithms simulator
// TIER: long
// SANITIZERS: none

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <ctime>

#include "algorithms/catalog.h"
#include "plan/cut.h"
#include "simulator/simulate.h"
#include "simulator/symmetry_on.h"

namespace tutti {
namespace {

constexpr int kHosts = 8192, kPerHost = 8;
constexpr double kPort = 50e9, kLatency = 5e-6;

Machine machine_of_hosts() {
  Machine machine;
  machine.ranks = kHosts * kPerHost;
  machine.host_of = regular_hosts(kHosts, kPerHost);
  machine.rank.instruction = 100e-9;
  machine.near = {.latency = 1e-6, .message = 200e-9};
  machine.far = {.latency = kLatency, .message = 500e-9};
  machine.rank_port = 450e9;
  machine.host_port = kPort;
  machine.ports = kPerHost;
  return machine;
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Case {
  const char* algorithm;
  std::size_t bytes;
  double least;  // seconds that the call takes on any account: crossings, or bytes over a port
};

class SimulatorScale : public testing::TestWithParam<Case> {};

TEST_P(SimulatorScale, HoldsForAllReduceOf65536Ranks) {
  const double begin = processor_seconds();
  const Machine machine = machine_of_hosts();
  const Algorithm& algorithm = *find_algorithm(Collective::kAllReduce, GetParam().algorithm);
  Group group = Group::on_hosts(machine.host_of);
  const Symmetry symmetry = symmetry_on(machine, algorithm.alike(group));
  for (int rank = 0; rank < symmetry.representatives(); ++rank) group.wanted.push_back(rank);
  const Schedule schedule = algorithm.make(group, /*root=*/0);
  const Cast cast = cast_of(schedule, symmetry);
  const Room room{std::size_t{64} << 20, std::size_t{1} << 20};
  const std::size_t piece = (GetParam().bytes / 4 + schedule.chunks - 1) / schedule.chunks;
  const Cut cut_up = cut({schedule.scratch_chunks, cast.lines, 1}, room, piece, 4,
                         {.tile_bytes = 512 << 10, .lanes = 4});
  const SimulatedCall call{.piece_bytes = 4 * std::max<std::size_t>(piece, 1),
                           .tile_bytes = 4 * cut_up.tile,
                           .blocks = cut_up.blocks,
                           .lanes = cut_up.lanes,
                           .room = room};
  const Simulated result = simulate(cast, machine, call, {.most_blocks = 32});
  EXPECT_TRUE(result.is_complete);
  EXPECT_GT(result.seconds, GetParam().least);
  EXPECT_LT(processor_seconds() - begin, 60);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);  // of all cases so far
  EXPECT_LT(used.ru_maxrss / 1024, 2048) << "MiB";
}

constexpr std::size_t kMiB = 1 << 20, kGiB = 1 << 30;
constexpr double kBoth = 2.0 * kGiB / kPort;  // a GiB there and back

INSTANTIATE_TEST_SUITE_P(
    AllReduce, SimulatorScale,
    testing::Values(Case{"ring", 8, 2 * (kHosts - 1) * kLatency}, Case{"ring", kMiB, 0.08},
                    Case{"ring", kGiB, 0.08 + 0.9 * kBoth}, Case{"double_tree", 8, 20 * kLatency},
                    Case{"double_tree", kMiB, 20 * kLatency},
                    Case{"halving_doubling", 8, 26 * kLatency},
                    Case{"halving_doubling", kMiB, 26 * kLatency},
                    Case{"halving_doubling", kGiB, 0.9 * kBoth},
                    Case{"hierarchical_ring", 8, 2 * (kHosts - 1) * kLatency},
                    Case{"hierarchical_ring", kMiB, 0.08},
                    Case{"hierarchical_ring", kGiB, 0.08 + 0.9 * kBoth / kPerHost},
                    Case{"hierarchical_doubling", 8, 13 * kLatency},
                    Case{"hierarchical_doubling", kMiB, 13 * kLatency},
                    Case{"hierarchical_doubling", kGiB, 13.0 * kGiB / kPerHost / kPort}));

// Takes as long as all of the others.
INSTANTIATE_TEST_SUITE_P(Exhaustive, SimulatorScale,
                         testing::Values(Case{"double_tree", kGiB, 0.9 * kBoth}));

}  // namespace
}  // namespace tutti
