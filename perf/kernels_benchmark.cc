// ROOMS: executor
//
// Kernels against the STREAM add loop, c[i] = a[i] + b[i], of the same run.
//
// Each iteration times the loop, then the kernel, on the same arrays, in processor time, so that
// both see the same machine and other load matters little; `ratio` is the kernel's bytes per second
// over the loop's. The bars: sums of fp32 at least 0.9, of bf16 at least 0.8, on the best
// instruction set. Small counts have no loop to compare with: there the time is what counts.

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "executor/cpu/kernels.h"

namespace tutti {
namespace {

constexpr std::size_t kInL2 = 128 << 10;  // bytes an array
constexpr std::size_t kInDram = 64 << 20;

#if defined(__x86_64__)
#define WIDEST_ [[gnu::target_clones("arch=skylake-avx512", "avx2", "default")]]
#else
#define WIDEST_
#endif

// The best a compiler makes of the plain loop.
WIDEST_ void stream_add(const float* __restrict a, const float* __restrict b, float* __restrict c,
                        std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) c[i] = a[i] + b[i];
}

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte, FreeMemory>;

// Zeros are every type's zero, and touched pages.
Memory zeros(std::size_t bytes) {
  Memory memory(static_cast<std::byte*>(std::aligned_alloc(4096, bytes)));
  std::memset(memory.get(), 0, bytes);
  return memory;
}

std::vector<Memory> arrays_of(int count, std::size_t bytes) {
  std::vector<Memory> arrays;
  for (int i = 0; i < count; ++i) arrays.push_back(zeros(bytes));
  return arrays;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Per call, of this thread's processor time: what else runs here does not count. Short calls are
// repeated, since asking for the time takes some.
template <class Function>
double seconds(std::size_t bytes, const Function& function) {
  const std::size_t calls = std::max<std::size_t>(1, 16 * kInL2 / bytes);
  const double begin = cpu_seconds();
  for (std::size_t i = 0; i < calls; ++i) {
    function();
    benchmark::ClobberMemory();
  }
  return (cpu_seconds() - begin) / static_cast<double>(calls);
}

// Runs `work`, which moves `arrays_moved` arrays of `bytes`, by turns with the loop, which moves 3.
template <class Work>
void compare(benchmark::State& state, std::size_t bytes, double arrays_moved,
             const std::vector<Memory>& arrays, const Work& work) {
  auto* a = reinterpret_cast<float*>(arrays[0].get());
  auto* b = reinterpret_cast<float*>(arrays[1].get());
  auto* c = reinterpret_cast<float*>(arrays[2].get());
  double loop_seconds = 0, work_seconds = 0;
  for (auto _ : state) {
    loop_seconds += seconds(bytes, [&] { stream_add(a, b, c, bytes / sizeof(float)); });
    const double elapsed = seconds(bytes, work);
    work_seconds += elapsed;
    state.SetIterationTime(elapsed);
  }
  const double gigabytes = static_cast<double>(bytes * state.iterations()) / 1e9;
  state.counters["loop_GB/s"] = 3 * gigabytes / loop_seconds;
  state.counters["GB/s"] = arrays_moved * gigabytes / work_seconds;
  state.counters["ratio"] = arrays_moved / 3 * loop_seconds / work_seconds;
}

struct ReduceCase {
  DataType type = DataType::kFloat32;
  Reduction reduction = Reduction::kSum;
  Isa isa = Isa::kPortable;
  int sources = 2;
  int targets = 1;
  std::size_t bytes = kInL2;
  bool stream = false;
};

void reduce(benchmark::State& state, const ReduceCase& one) {
  const Kernel kernel = find_kernel(one.type, one.reduction, one.isa).value();
  const std::vector<Memory> arrays = arrays_of(one.sources + one.targets, one.bytes);
  std::vector<std::byte*> pointers;
  for (const Memory& array : arrays) pointers.push_back(array.get());
  const std::vector<const std::byte*> sources(pointers.begin(), pointers.begin() + one.sources);
  const Pass pass{.sources = sources.data(),
                  .source_count = one.sources,
                  .targets = pointers.data() + one.sources,
                  .target_count = one.targets,
                  .count = one.bytes / size_of(one.type),
                  .stream_mask = one.stream ? ~0u : 0u};
  compare(state, one.bytes, one.sources + one.targets, arrays, [&] { kernel(pass); });
}

void copy_arrays(benchmark::State& state, int targets, std::size_t bytes, bool stream) {
  const std::vector<Memory> arrays = arrays_of(3, bytes);
  std::byte* const pointers[2] = {arrays[1].get(), arrays[2].get()};
  const Isa isa = detect_isa();
  compare(state, bytes, 1 + targets, arrays,
          [&] { copy(arrays[0].get(), pointers, targets, bytes, stream ? ~0u : 0u, isa); });
}

void reduce_small(benchmark::State& state, DataType type, Isa isa) {
  const Kernel kernel = find_kernel(type, Reduction::kSum, isa).value();
  alignas(64) std::byte memory[3][1024] = {};
  const std::byte* const sources[2] = {memory[0], memory[1]};
  std::byte* const targets[1] = {memory[2]};
  const Pass pass{sources, 2, targets, 1, static_cast<std::size_t>(state.range(0)), 0};
  for (auto _ : state) {
    kernel(pass);
    benchmark::ClobberMemory();
  }
}

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "";
}

std::string place(std::size_t bytes, bool stream) {
  return std::string(bytes == kInL2 ? "/L2" : "/DRAM") + (stream ? "/stream" : "");
}

void add_reduce(const ReduceCase& one) {
  const std::string text = std::string(name(one.type)) + "_" + std::string(name(one.reduction)) +
                           "/" + name_of(one.isa) + "/" + std::to_string(one.sources) + "to" +
                           std::to_string(one.targets) + place(one.bytes, one.stream);
  benchmark::RegisterBenchmark(text.c_str(), reduce, one)->UseManualTime();
}

// What the bars are about, on every instruction set.
void add_bars(Isa isa) {
  for (const DataType type : {DataType::kFloat32, DataType::kBfloat16}) {
    add_reduce({.type = type, .isa = isa});
    add_reduce({.type = type, .isa = isa, .bytes = kInDram});
    add_reduce({.type = type, .isa = isa, .bytes = kInDram, .stream = true});
  }
}

// The other types, and how the numbers of sources and targets tell.
void add_breadth(Isa isa) {
  for (const DataType type : {DataType::kFloat16, DataType::kFloat64, DataType::kFloat8e4m3,
                              DataType::kFloat8e5m2, DataType::kInt8, DataType::kInt32}) {
    add_reduce({.type = type, .isa = isa});
  }
  add_reduce({.reduction = Reduction::kMax, .isa = isa});
  for (const int sources : {1, 3, 4, 8}) add_reduce({.isa = isa, .sources = sources, .targets = 2});
  add_reduce({.isa = isa, .sources = 8, .bytes = kInDram});
}

void add_small(Isa isa) {
  for (const DataType type : {DataType::kFloat32, DataType::kBfloat16}) {
    const std::string text = "small_" + std::string(name(type)) + "/" + name_of(isa);
    auto* small = benchmark::RegisterBenchmark(text.c_str(), reduce_small, type, isa);
    for (const int count : {1, 2, 3, 8, 15, 16, 64, 100}) small->Arg(count);
  }
}

void add_copies() {
  for (const int targets : {1, 2}) {
    for (const std::size_t bytes : {kInL2, kInDram}) {
      for (const bool stream : {false, true}) {
        const std::string text = "copy/1to" + std::to_string(targets) + place(bytes, stream);
        benchmark::RegisterBenchmark(text.c_str(), copy_arrays, targets, bytes, stream)
            ->UseManualTime();
      }
    }
  }
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  using namespace tutti;
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (isa > detect_isa()) continue;
    add_bars(isa);
    add_breadth(isa);
    add_small(isa);
  }
  add_copies();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
