// How long it takes to simulate all_reduce on 65,536 ranks, and how much memory.
//
//   simulator_scale [HOSTS [ALGORITHM]]      default: 8192, of eight ranks each; all algorithms
//
// Prints a line for each algorithm and size: seconds of processor time for the schedule and for the
// simulation, ranks whose programs were made, the most memory that was in use, and what the
// simulation says. Every line is made by a process of its own.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "algorithms/catalog.h"
#include "plan/cut.h"
#include "simulator/simulate.h"
#include "simulator/symmetry_on.h"

namespace tutti {
namespace {

constexpr int kPerHost = 8;
constexpr const char* kAlgorithms[] = {"ring", "double_tree", "halving_doubling",
                                       "hierarchical_ring", "hierarchical_doubling"};
struct Size {
  const char* name;
  std::size_t bytes;
};
constexpr Size kSizes[] = {
    {"8 B", 8}, {"1 MiB", std::size_t{1} << 20}, {"1 GiB", std::size_t{1} << 30}};

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
  const std::size_t piece = (bytes / 4 + schedule.chunks - 1) / schedule.chunks;
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

void measure(const Algorithm& algorithm, int hosts, const Size& size) {
  const Machine machine = machine_of(hosts);
  Group group = Group::on_hosts(machine.host_of);
  const Symmetry symmetry = symmetry_on(machine, algorithm.alike(group));
  for (int rank = 0; rank < symmetry.representatives(); ++rank) group.wanted.push_back(rank);
  Schedule schedule = algorithm.make(group, /*root=*/0);
  const Cast cast = cast_of(schedule, symmetry);
  schedule.programs.clear();
  const double made = seconds();
  const SimulatedCall call = call_of(schedule, cast, size.bytes);
  const Simulated result = simulate(cast, machine, call, {.most_blocks = 64});
  const double total = seconds();
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("%-22s %6d %6d  %-6s %8.2f %8.2f %9.0f %9zu %6zu %12.1f%s\n", algorithm.name.data(),
              group.ranks, symmetry.representatives(), size.name, made, total - made,
              static_cast<double>(used.ru_maxrss) / 1024, call.blocks, result.blocks,
              result.seconds * 1e6, result.is_complete ? "" : "  incomplete");
  std::fflush(stdout);
}

int run(int hosts, const char* only) {
  std::printf("%-22s %6s %6s  %-6s %8s %8s %9s %9s %6s %12s\n", "all_reduce", "ranks", "made",
              "size", "make s", "run s", "MiB", "blocks", "run", "us");
  int failed = 0;
  for (const char* name : kAlgorithms) {
    if (only != nullptr && std::strcmp(name, only) != 0) continue;
    for (const Size& size : kSizes) {
      std::fflush(stdout);
      if (fork() == 0) {
        measure(*find_algorithm(Collective::kAllReduce, name), hosts, size);
        _exit(0);
      }
      int status = 0;
      wait(&status);
      failed += status != 0;
    }
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  const int hosts = argc > 1 ? std::atoi(argv[1]) : 8192;
  if (hosts < 2 || hosts > 1 << 17) {
    std::fprintf(stderr, "simulator_scale: %s hosts: expected 2 to %d\n", argv[1], 1 << 17);
    return 2;
  }
  return tutti::run(hosts, argc > 2 ? argv[2] : nullptr);
}
