// A plan as a kernel reads it: flat arrays in memory of the device, and where its chunks lie.
//
// Tested by cuda_interpreter_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "executor/cuda/block.h"
#include "plan/plan.h"
#include "tutti/status.h"

namespace tutti::cuda {

inline constexpr int kMostOperands = 32;  // sources of a step, and targets

struct FlatOperand {
  std::uint8_t space = 0;  // Space
  std::uint8_t rank = 0;   // whose memory it is
  std::uint16_t part = 0;
  std::uint16_t chunk = 0;  // of the part; of scratch: its number
};

struct FlatStep {
  std::uint8_t action = 0;  // Action
  std::uint8_t peer = 0;
  std::uint16_t line = 0;
  std::uint32_t operand = 0;  // the first source; targets follow
  std::uint16_t sources = 0;
  std::uint16_t targets = 0;
};

/// Points into memory of the device.
struct FlatPlan {
  const FlatStep* steps = nullptr;
  const FlatOperand* operands = nullptr;
  std::int32_t step_count = 0;
  std::int32_t chunks = 1;         // of a part
  std::int32_t output_chunks = 0;  // of this rank's output
  std::int32_t scratch_chunks = 0;
};

/// How the chunks of a call are cut: a block moves `slice` elements of every chunk in a round.
struct Slicing {
  std::uint64_t part = 0;   // elements of a part
  std::uint64_t chunk = 0;  // of a chunk; the last ones of a part are shorter or empty
  std::uint64_t slice = 0;
  std::uint64_t stride = 0;  // bytes from a scratch chunk's slice to the next one's
  std::uint32_t element = 1;
  std::uint32_t rounds = 1;

  TUTTI_DEVICE std::uint64_t chunk_length(std::uint64_t index) const {
    const std::uint64_t before = index * chunk;
    if (before >= part) return 0;
    return part - before < chunk ? part - before : chunk;
  }
  /// Of [begin, begin + slice) of the chunk, what there is.
  TUTTI_DEVICE std::uint64_t slice_length(std::uint64_t index, std::uint64_t begin) const {
    const std::uint64_t length = chunk_length(index);
    if (begin >= length) return 0;
    return length - begin < slice ? length - begin : slice;
  }
  /// Bytes from the start of a buffer. REQUIRES: begin < chunk_length(index).
  TUTTI_DEVICE std::uint64_t offset(std::uint64_t in_part, std::uint64_t index,
                                    std::uint64_t begin) const {
    return (in_part * part + index * chunk + begin) * element;
  }
};

/// What there is for a call's slices.
struct SliceRoom {
  int blocks = 1;
  std::size_t scratch_bytes = 0;
};

/// Chunks of which all blocks' slices are of even length, in as few rounds as scratch allows.
/// Chunks begin at multiples of kChunkAlignment bytes where there are several in a part.
/// kNotSupported when not even slices of one element fit.
inline constexpr std::size_t kChunkAlignment = 128;
Result<Slicing> slice(const Plan& plan, std::size_t count, std::size_t element,
                      const SliceRoom& room);
/// Elements of a chunk of a part of `count` elements.
std::size_t chunk_length(std::size_t count, int chunks, std::size_t element);

/// On the host.
struct FlatProgram {
  std::vector<FlatStep> steps;
  std::vector<FlatOperand> operands;
};

/// Numbers of the plan; its pointers are still to be set.
FlatPlan flat_plan(const Plan& plan);

/// kNotSupported, saying which number is too large, where a kernel could not run the plan.
/// REQUIRES: lowered without payloads.
Result<FlatProgram> flatten(const Plan& plan);

}  // namespace tutti::cuda
