// A pass as a kernel of its own, which waits for nobody: what the engine (engine.h) cannot have
// copied.
//
// Tested by cuda_engine_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/flags.h"
#include "executor/cuda/flat_plan.h"
#include "executor/cuda/pass.h"
#include "executor/cuda/stretch.h"

namespace tutti::cuda {

/// The kernel's parameter: operands as this device sees them.
struct LocalPass {
  std::byte* sources[kMostOperands] = {};
  std::byte* targets[kMostOperands] = {};
  std::int32_t source_count = 0;
  std::int32_t target_count = 0;
  std::uint32_t scaled = 0;
  std::uint64_t count = 0;
  Arithmetic arithmetic;
  const std::uint32_t* unless = nullptr;  // it is not 0: then nothing is done
};

/// Of a block: where its parts of the operands are.
struct PassDesk {
  std::byte* sources[kMostOperands];
  std::byte* targets[kMostOperands];
};

/// Each block does its part.
template <DataType kType>
TUTTI_DEVICE void local_pass(const Block& block, const LocalPass& whole) {
  if (whole.unless != nullptr && load_relaxed(whole.unless) != 0) return;
  TUTTI_SHARED(PassDesk, desk);
  const Stretch stretch = part_of({0, whole.count * size_of(kType)}, block.count(), block.index());
  block.each(static_cast<std::size_t>(whole.source_count),
             [&](std::size_t s) { desk.sources[s] = whole.sources[s] + stretch.begin; });
  block.each(static_cast<std::size_t>(whole.target_count),
             [&](std::size_t t) { desk.targets[t] = whole.targets[t] + stretch.begin; });
  block.meet();
  Pass pass;
  pass.sources = desk.sources;
  pass.targets = desk.targets;
  pass.source_count = whole.source_count;
  pass.target_count = whole.target_count;
  pass.scaled = whole.scaled;
  pass.count = stretch.bytes / size_of(kType);
  make_pass<kType>(block, whole.arithmetic, pass);
}

}  // namespace tutti::cuda
