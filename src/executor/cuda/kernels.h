// The fast kernels: what they take, what they are called, what they do.
//
//   one_shot   all_reduce of at most kPacketBytes a rank (one_shot.h)
//   reduce     all_reduce, reduce_scatter, reduce (two_shot.h)
//   move       all_gather, all_to_all, broadcast, gather, scatter, barrier (moves.h)
//
// Those that reduce exist for every type, in two forms: a plain sum, and anything else, which
// decides at run time. Integers that differ in their sign only have the same sum. A name says it
// all: "tutti_reduce_sum_bfloat16", "tutti_one_shot_any_int8", "tutti_move".
//
// Every rank launches the same kernel with the same number of blocks, at most kMostBlocks, of at
// most kMostThreads threads, at least one for each rank.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "transports/cuda_p2p/team.h"
#include "tutti/types.h"

namespace tutti::cuda {

/// What is done to elements, in the terms of executor/cpu/kernels.h: inputs are scaled where
/// `factor` is not 1, combined in the order of ranks, and divided by `divisor`.
struct Arithmetic {
  Reduction reduction = Reduction::kSum;
  double factor = 1.0;
  std::int64_t divisor = 1;  // only of integers

  bool operator==(const Arithmetic&) const = default;
};

/// The parameter of every fast kernel.
struct FastCall {
  Team team;
  const std::byte* input = nullptr;  // this rank's buffers, as it sees them
  std::byte* output = nullptr;
  Places places = {};     // where its peers find them; one_shot needs none
  std::size_t count = 0;  // elements of a part; c of tutti.h
  Collective collective = Collective::kBarrier;
  std::int32_t root = 0;
  std::int32_t element_bytes = 1;
  bool in_place = false;  // all_to_all, of all ranks
  Arithmetic arithmetic = {};
};

enum class FastKernel : std::uint8_t { kOneShot, kReduce, kMove };

/// The kernel that does it, by the name that a Launch takes. `type` and `arithmetic` do not matter
/// to moves. REQUIRES: find_kernel() knows the type and the reduction.
const char* kernel_name(FastKernel kernel, DataType type, const Arithmetic& arithmetic);

/// What a reduction does to elements of the type, between so many ranks. REQUIRES: not kUser.
Arithmetic arithmetic_of(DataType type, const ReduceOp& op, int ranks);

/// All names, for a device to load.
std::span<const char* const> kernel_names();

// X(word, type) for the types of which there are kernels: all, and those with a sum of their own.
#define TUTTI_CUDA_SUM_TYPES(X) \
  X(uint8, kUint8)              \
  X(uint16, kUint16)            \
  X(uint32, kUint32)            \
  X(uint64, kUint64)            \
  X(float16, kFloat16)          \
  X(float32, kFloat32)          \
  X(float64, kFloat64)          \
  X(bfloat16, kBfloat16)        \
  X(float8e4m3, kFloat8e4m3)    \
  X(float8e5m2, kFloat8e5m2)
#define TUTTI_CUDA_TYPES(X) \
  TUTTI_CUDA_SUM_TYPES(X)   \
  X(int8, kInt8)            \
  X(int16, kInt16)          \
  X(int32, kInt32)          \
  X(int64, kInt64)

}  // namespace tutti::cuda
