// Copies and reductions over plain memory, the innermost loops of the CPU executor.
//
// A kernel makes one pass: it reads every source once and writes every target once. 16- and 8-bit
// floats are widened to fp32, combined there in source order, and rounded once at the end of the
// pass (to nearest, ties to even). Min and max are IEEE 754-2019 minimum and maximum: NaN wins, and
// -0 < +0. Integers wrap. Every instruction set gives the same bits: a NaN that a kernel writes,
// even from a single source, is the positive one with all other bits set, whatever NaNs went in.
//
// A kernel costs a few nanoseconds at the smallest counts; two sources in L2 are added at the rate
// of a plain loop (kernels_benchmark.cc). Tested by kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "tutti/status.h"
#include "tutti/types.h"

namespace tutti {

enum class Isa : std::uint8_t { kPortable, kAvx2, kAvx512 };

/// The best instruction set this processor has. A caller may use a lesser one.
Isa detect_isa();

/// sources: `source_count` >= 1 arrays of `count` elements. Each of the `target_count` >= 1 targets
/// receives the result. A target may equal a source exactly; otherwise no overlap.
/// `stream_mask` bit t asks for non-temporal stores to targets[t] (a hint; alignment may refuse it
/// at the edges). The kernel fences its own non-temporal stores before it returns.
struct Pass {
  const std::byte* const* sources = nullptr;
  int source_count = 0;
  std::byte* const* targets = nullptr;
  int target_count = 0;
  std::size_t count = 0;  // elements
  std::uint32_t stream_mask = 0;
};

using Kernel = void (*)(const Pass& pass);

/// The kernel for a type and a reduction (kSum, kProd, kMax, kMin, kBitAnd …, kLogicalXor), or
/// kNotSupported for pairs without meaning (bitwise on floats). kAvg and kPreMulSum are kSum here:
/// see scale(). kUser is not a kernel.
Result<Kernel> find_kernel(DataType type, Reduction reduction, Isa isa);

/// Copies `bytes` bytes from source to every target; same hints as Pass. Memory may be misaligned.
void copy(const std::byte* source, std::byte* const* targets, int target_count, std::size_t bytes,
          std::uint32_t stream_mask, Isa isa);

/// target[i] = factor * source[i], computed in fp32 (fp64 for double; integers through double,
/// rounded towards zero and limited to what the type holds). In place allowed.
void scale(const std::byte* source, std::byte* target, std::size_t count, DataType type,
           double factor);

/// target[i] /= divisor for integers, truncating (kAvg). In place. REQUIRES: divisor > 0, an
/// integer type.
void divide(std::byte* target, std::size_t count, DataType type, std::int64_t divisor);

}  // namespace tutti
