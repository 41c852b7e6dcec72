// One pass of a block over memory: every source is read once, combined in the order given, and the
// result written to every target. A target may be one of the sources.
//
// The bits are those of the CPU's passes (executor/cpu/kernels.h). What has one source, and is
// neither scaled nor divided, is copied as it is; onto itself not at all, since in place peers may
// be reading it.
//
// Tested by cuda_interpreter_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/combine.h"
#include "executor/cuda/stretch.h"

namespace tutti::cuda {

/// Arrays of operands that all threads of a block see.
struct Pass {
  std::byte* const* sources = nullptr;
  std::byte* const* targets = nullptr;
  std::int32_t source_count = 0;
  std::int32_t target_count = 0;
  std::uint32_t scaled = 0;  // bit s: source s is an input, to be scaled where the reduction scales
  std::uint64_t count = 0;   // elements
};

/// Of one source.
template <DataType kType>
struct PassOn {
  static constexpr bool kSmallFloat =
      kType == DataType::kFloat8e4m3 || kType == DataType::kFloat8e5m2;
  static constexpr int kTogether = kSmallFloat ? 2 : 4;  // what 128 registers hold

  const AnyReduction<kType>& combine;
  const Pass& pass;
  bool divides;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    Pack<kBytes> packs[kPacks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) {
      packs[p] = load_pack<kBytes>(pass.sources[0] + at + static_cast<std::size_t>(p) * step);
    }
    const bool changes = pass.scaled != 0 || divides;
    if (changes) {
      TUTTI_UNROLL
      for (int p = 0; p < kPacks; ++p) packs[p] = changed(packs[p]);
    }
    TUTTI_LOOP
    for (int t = 0; t < pass.target_count; ++t) {
      if (pass.targets[t] == pass.sources[0] && !changes) continue;
      TUTTI_UNROLL
      for (int p = 0; p < kPacks; ++p) {
        store_pack(pass.targets[t] + at + static_cast<std::size_t>(p) * step, packs[p]);
      }
    }
  }

 private:
  template <int kBytes>
  TUTTI_DEVICE Pack<kBytes> changed(Pack<kBytes> pack) const {
    if (pass.scaled != 0) pack = combine.contribution(pack);
    return divides ? combine.result(Elements<kType, kBytes>::of(pack)) : pack;
  }
};

/// Of several.
template <DataType kType>
struct PassTogether {
  static constexpr int kTogether = 1;

  const AnyReduction<kType>& combine;
  const Pass& pass;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t /*step*/) const {
    auto total = Elements<kType, kBytes>::of(source<kBytes>(0, at));
    TUTTI_LOOP
    for (int s = 1; s < pass.source_count; ++s) combine.add(total, source<kBytes>(s, at));
    const Pack<kBytes> result = combine.result(total);
    TUTTI_LOOP
    for (int t = 0; t < pass.target_count; ++t) store_pack(pass.targets[t] + at, result);
  }

 private:
  template <int kBytes>
  TUTTI_DEVICE Pack<kBytes> source(int index, std::size_t at) const {
    const Pack<kBytes> pack = load_pack<kBytes>(pass.sources[index] + at);
    return (pass.scaled >> index & 1) != 0 ? combine.contribution(pack) : pack;
  }
};

TUTTI_DEVICE Alignment alignment_of(const Pass& pass) {
  Alignment alignment(pass.sources[0]);
  TUTTI_LOOP
  for (int s = 1; s < pass.source_count; ++s) alignment.and_with(pass.sources[s]);
  TUTTI_LOOP
  for (int t = 0; t < pass.target_count; ++t) alignment.and_with(pass.targets[t]);
  return alignment;
}

/// All threads of the block; they have not met since. `how` divides where it has a divisor.
template <DataType kType>
TUTTI_DEVICE void make_pass(const Block& block, const Arithmetic& how, const Pass& pass) {
  if (pass.count == 0) return;
  constexpr int kSize = static_cast<int>(size_of(kType));
  const std::size_t bytes = pass.count * kSize;
  const AnyReduction<kType> combine(how);
  const Alignment alignment = alignment_of(pass);
  if (pass.source_count == 1) {
    const PassOn<kType> work{combine, pass, how.divisor != 1};
    walk<kSize, work.kTogether>(block, alignment, bytes, work);
  } else {
    const PassTogether<kType> work{combine, pass};
    walk<kSize, work.kTogether>(block, alignment, bytes, work);
  }
}

}  // namespace tutti::cuda
