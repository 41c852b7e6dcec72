// ROOMS: shm
//
// The time two cores need to exchange a cache line: the floor of every small collective.
//
//   signal_benchmark [CORE_A CORE_B]      (default: 0 1)
//
//   exchange    both store a line in the other's memory, then both wait for theirs
//   round trip  one stores, the other answers
//
// each with bare lines and a loop of load and pause, and through the shared-memory transport's
// signal() and wait() with a full payload. Prints nanoseconds: the least and the median of 1001
// short batches. The least is the machine's; a median far above it says that others use these
// cores.

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "base/check.h"
#include "bootstrap/thread_bootstrap.h"
#include "transports/shm/shm.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBatches = 1001;
constexpr std::uint64_t kRoundsPerBatch = 200;

// Without it the polling core takes the line away while the other still writes it: on an EPYC a
// bare round trip then took 115 ns instead of 44.
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) std::printf("cannot pin to core %d\n", core);
}

// How one side signals the other and waits for it. A line is reused every second round: the other
// side has read it by then.
struct Side {
  std::function<void(std::uint64_t round)> signal;
  std::function<void(std::uint64_t round)> wait;
};
using Round = void (*)(const Side& side, bool first, std::uint64_t round);

void exchange(const Side& side, bool, std::uint64_t round) {
  side.signal(round);
  side.wait(round);
}

void round_trip(const Side& side, bool first, std::uint64_t round) {
  if (first) side.signal(round);
  side.wait(round);
  if (!first) side.signal(round);
}

// Nanoseconds a round, a value a batch, least first.
std::vector<double> run(const Side& side, bool first, Round round) {
  std::vector<double> times;
  std::uint64_t number = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    const Clock::time_point start = Clock::now();
    for (std::uint64_t i = 0; i < kRoundsPerBatch; ++i) round(side, first, ++number);
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    times.push_back(elapsed.count() / kRoundsPerBatch);
  }
  std::sort(times.begin(), times.end());
  return times;
}

std::size_t offset_of(std::uint64_t round) { return round % 2 * kLineBytes; }

Side bare_side(Transport& transport) {
  const int peer = 1 - transport.rank();
  std::byte* const theirs = transport.map(peer);
  std::byte* const ours = transport.window().data();
  return {[theirs](std::uint64_t round) {
            reinterpret_cast<Line*>(theirs + offset_of(round))
                ->flag.store(round, std::memory_order_release);
          },
          [ours](std::uint64_t round) {
            const auto& flag = reinterpret_cast<const Line*>(ours + offset_of(round))->flag;
            while (flag.load(std::memory_order_acquire) != round) pause();
          }};
}

Side transport_side(Transport& transport) {
  const int peer = 1 - transport.rank();
  return {[&transport, peer](std::uint64_t round) {
            static constexpr std::byte kPayload[kInlineBytes] = {};
            const Status status = transport.signal(peer, offset_of(round), {round, 0, kPayload});
            TUTTI_CHECK(status.ok(), "%s", status.message().c_str());
          },
          [&transport, peer](std::uint64_t round) {
            const Status status = wait(transport, peer, offset_of(round), round,
                                       Clock::now() + std::chrono::seconds(10));
            TUTTI_CHECK(status.ok(), "%s", status.message().c_str());
          }};
}

void measure(const char* name, const int (&cores)[2], Side (*make_side)(Transport&), Round round) {
  const auto bootstraps = make_thread_bootstraps(2);
  std::vector<double> times;
  const auto rank_main = [&](int rank) {
    pin_to(cores[rank]);
    auto transport = make_shm_transport(*bootstraps[rank], 2 * kLineBytes,
                                        Clock::now() + std::chrono::seconds(10));
    TUTTI_CHECK(transport.ok(), "%s", transport.status().message().c_str());
    const std::vector<double> mine = run(make_side(**transport), rank == 0, round);
    if (rank == 0) times = mine;
  };
  std::thread other(rank_main, 1);
  std::thread self(rank_main, 0);
  self.join();
  other.join();
  std::printf("%-24s %10.1f %10.1f\n", name, times.front(), times[times.size() / 2]);
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  using namespace tutti;
  const int cores[2] = {argc > 2 ? std::atoi(argv[1]) : 0, argc > 2 ? std::atoi(argv[2]) : 1};
  std::printf("cores %d and %d, ns        least     median\n", cores[0], cores[1]);
  measure("bare exchange", cores, bare_side, exchange);
  measure("bare round trip", cores, bare_side, round_trip);
  measure("transport exchange", cores, transport_side, exchange);
  measure("transport round trip", cores, transport_side, round_trip);
}
