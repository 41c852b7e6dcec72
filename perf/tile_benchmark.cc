// ROOMS: communicator
//
// How long an all_reduce takes by the size of its tiles and the number of blocks in flight: two
// ranks as threads, each on a core of its own, buffers of 1 and 64 MiB.

#include <benchmark/benchmark.h>
#include <sched.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tutti/tutti.h"

namespace {

void pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  (void)sched_setaffinity(0, sizeof set, &set);
}

// Rank 1, which makes one call for each that rank 0 asks for.
class Partner {
 public:
  Partner(tutti::Communicator& communicator, std::size_t count)
      : thread_([this, &communicator, count] { serve(communicator, count); }) {}
  ~Partner() {
    asked_.store(kEnd, std::memory_order_release);
    thread_.join();
  }
  void ask() { asked_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  static constexpr std::uint64_t kEnd = ~std::uint64_t{0};

  void serve(tutti::Communicator& communicator, std::size_t count) {
    pin_to(1);
    std::vector<float> input(count, 1.0f), output(count);
    for (std::uint64_t served = 0;;) {
      const std::uint64_t asked = asked_.load(std::memory_order_acquire);
      if (asked == kEnd) return;
      if (asked == served) {
        sched_yield();
        continue;
      }
      if (!communicator.all_reduce(input, output).ok()) return;
      ++served;
    }
  }

  std::atomic<std::uint64_t> asked_{0};
  std::thread thread_;
};

void all_reduce(benchmark::State& state) {
  tutti::Options options;
  options.tile_bytes = static_cast<std::size_t>(state.range(1));
  options.lanes = static_cast<int>(state.range(2));
  auto communicators = tutti::Communicator::threads(2, options);
  if (!communicators.ok()) return state.SkipWithError(communicators.status().message().c_str());

  const std::size_t count = static_cast<std::size_t>(state.range(0)) / sizeof(float);
  pin_to(0);
  std::vector<float> input(count, 2.0f), output(count);
  Partner partner(communicators->at(1), count);
  for (auto _ : state) {
    partner.ask();
    const tutti::Status status = communicators->at(0).all_reduce(input, output);
    if (!status.ok()) state.SkipWithError(status.message().c_str());
  }
  if (output[count - 1] != 3.0f) state.SkipWithError("wrong sum");
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"bytes", "tile", "lanes"})->UseRealTime();
  for (const long bytes : {1L << 20, 64L << 20}) {
    for (const long tile : {8L << 10, 32L << 10, 128L << 10}) {
      for (const long lanes : {1, 3, 6}) benchmark->Args({bytes, tile, lanes});
    }
  }
}
BENCHMARK(all_reduce)->Apply(arguments);

}  // namespace
