// How long it takes to simulate many ranks, and how much memory.
//
//   simulator_scale [WORD]      of all cases, those with the word in their name
//
// Prints a line for each case: ranks, and those whose programs were made; seconds of processor time
// for the schedule and for the simulation, the most memory that was in use, blocks of the call and
// those that were simulated, and what the simulation says. Every line is made by a process of its
// own.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

#include "algorithms/catalog.h"
#include "plan/cut.h"
#include "simulator/simulate.h"
#include "simulator/symmetry_on.h"

namespace tutti {
namespace {

constexpr int kPerHost = 8;
enum class Ranks { kAlike, kEach };  // those that stand for others, or all

struct Case {
  Collective collective;
  const char* algorithm;
  int hosts;
  std::size_t bytes;
  NetworkModel network = NetworkModel::kMessages;
  Ranks made = Ranks::kAlike;
};

constexpr std::size_t kMiB = 1 << 20, kGiB = 1 << 30;
using enum Collective;
constexpr auto kFlows = NetworkModel::kFlows;

constexpr Case kCases[] = {
    {kAllReduce, "ring", 8192, 8},
    {kAllReduce, "ring", 8192, kMiB},
    {kAllReduce, "ring", 8192, kGiB},
    {kAllReduce, "double_tree", 8192, 8},
    {kAllReduce, "double_tree", 8192, kMiB},
    {kAllReduce, "double_tree", 8192, kGiB},
    {kAllReduce, "halving_doubling", 8192, 8},
    {kAllReduce, "halving_doubling", 8192, kMiB},
    {kAllReduce, "halving_doubling", 8192, kGiB},
    {kAllReduce, "hierarchical_ring", 8192, 8},
    {kAllReduce, "hierarchical_ring", 8192, kMiB},
    {kAllReduce, "hierarchical_ring", 8192, kGiB},
    {kAllReduce, "hierarchical_doubling", 8192, 8},
    {kAllReduce, "hierarchical_doubling", 8192, kMiB},
    {kAllReduce, "hierarchical_doubling", 8192, kGiB},
    {kAllReduce, "double_tree", 512, kMiB, kFlows},
    {kAllReduce, "double_tree", 512, kGiB, kFlows},
    {kAllReduce, "tree", 512, kGiB, kFlows},
    {kAllToAll, "pairwise", 128, kGiB, kFlows, Ranks::kEach},
    {kAllToAll, "all_pairs", 128, kGiB, kFlows},
};

// GPUs of 450 GB/s inside hosts, eight network ports of 50 GB/s on each.
Machine machine_of(int hosts) {
  Machine machine;
  machine.ranks = hosts * kPerHost;
  machine.host_of = regular_hosts(hosts, kPerHost);
  machine.rank.block = 200e-9;
  machine.rank.instruction = 100e-9;
  machine.rank.take = 50e-9;
  machine.near = {.latency = 1e-6, .message = 200e-9};
  machine.far = {.latency = 5e-6, .message = 500e-9};
  machine.rank_port = 450e9;
  machine.host_port = 50e9;
  machine.ports = kPerHost;
  return machine;
}

// As an executor would cut it, with 64 MiB of scratch and tiles of 512 KiB.
SimulatedCall call_of(const Schedule& schedule, const Cast& cast, std::size_t bytes) {
  const Room room{std::size_t{64} << 20, std::size_t{1} << 20};
  const int chunks = chunks_of(schedule, Space::kInput, 0);
  const std::size_t piece = (bytes / 4 + chunks - 1) / chunks;
  const Cut cut_up = cut({schedule.scratch_chunks, cast.lines, 1}, room, piece, 4,
                         {.tile_bytes = 512 << 10, .lanes = 8});
  return {.piece_bytes = 4 * std::max<std::size_t>(piece, 1),
          .tile_bytes = 4 * cut_up.tile,
          .blocks = cut_up.blocks,
          .lanes = cut_up.lanes,
          .user_bytes = 2 * bytes,
          .room = room};
}

// Processor time of this process: others may be running.
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void measure(const Case& c) {
  const Algorithm& algorithm = *find_algorithm(c.collective, c.algorithm);
  const Machine machine = machine_of(c.hosts);
  Group group = Group::on_hosts(machine.host_of);
  const Symmetry symmetry = c.made == Ranks::kEach ? Symmetry::none(group.ranks)
                                                   : symmetry_on(machine, algorithm.alike(group));
  for (int rank = 0; rank < symmetry.representatives(); ++rank) group.wanted.push_back(rank);
  Schedule schedule = algorithm.make(group, /*root=*/0);
  const Cast cast = cast_of(schedule, symmetry);
  schedule.programs.clear();
  const double made = seconds();
  const SimulatedCall call = call_of(schedule, cast, c.bytes);
  const Simulated result = simulate(cast, machine, call, {.network = c.network, .most_blocks = 64});
  const double run = seconds() - made;
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("%6d %6d %10zu %8.2f %8.2f %6.0f %7zu %4zu %12.1f%s\n", group.ranks,
              symmetry.representatives(), c.bytes, made, run,
              static_cast<double>(used.ru_maxrss) / 1024, call.blocks, result.blocks,
              result.seconds * 1e6, result.is_complete ? "" : "  incomplete");
  std::fflush(stdout);
}

std::string name_of(const Case& c) {
  return std::string(name(c.collective)) + " " + c.algorithm +
         (c.network == kFlows ? ", flows" : "");
}

int run(const char* word) {
  std::printf("%-33s %6s %6s %10s %8s %8s %6s %7s %4s %12s\n", "", "ranks", "made", "bytes",
              "make s", "run s", "MiB", "blocks", "run", "us");
  int failed = 0;
  for (const Case& c : kCases) {
    if (name_of(c).find(word) == std::string::npos) continue;
    std::printf("%-33s ", name_of(c).c_str());
    std::fflush(stdout);
    if (fork() == 0) {
      measure(c);
      _exit(0);
    }
    int status = 0;
    wait(&status);
    failed += status != 0;
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) { return tutti::run(argc > 1 ? argv[1] : ""); }
