// Calls in pieces: runs of elements, the same of every part of a buffer, that fit the memory which
// peers reach.
//
// A piece lies in a rank's scratch like this, alike on all ranks, so that nobody needs to be told:
//
//   input parts | output parts | the rest: scratch of the schedule
//
// each part as long as the piece. The copies between the user's buffers and there are issued on
// the call's stream.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include <cstddef>

#include "device/device.h"
#include "executor/cuda/buffers.h"

namespace tutti::cuda {

inline constexpr std::size_t kStagingAlignment = 256;

/// Elements [first, first + count) of every part.
struct Piece {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// Where a piece's buffers are in every rank's scratch: bytes from its start.
struct Staging {
  std::size_t input = 0;
  std::size_t output = 0;
  std::size_t rest = 0;
};

/// What a call takes of it. `most` are the parts of the rank that has most.
struct Demand {
  Parts most;
  int chunks = 1;          // of a part
  int scratch_chunks = 0;  // of the schedule, as long as the others
  std::size_t element = 1;
};

Staging staging_of(const Demand& demand, std::size_t count);

/// Bytes that a scratch chunk takes after `rest`.
constexpr std::size_t staged_chunk(std::size_t bytes) {
  return (bytes + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment;
}

/// The longest piece, in elements, of which buffers and scratch chunks fit; 0 when none does. A
/// scratch chunk takes up to kStagingAlignment bytes more than its elements.
std::size_t longest_piece(const Demand& demand, std::size_t scratch_bytes);

/// A buffer of parts of `part` elements.
struct Buffer {
  std::byte* data = nullptr;
  int parts = 0;
  std::size_t part = 0;
};

/// Copies the piece between a buffer of long parts and one of parts as long as the piece.
Status copy_in(Device& device, Stream stream, const Buffer& from, const Piece& piece,
               std::byte* staged, std::size_t element);
Status copy_out(Device& device, Stream stream, const std::byte* staged, const Piece& piece,
                const Buffer& to, std::size_t element);

}  // namespace tutti::cuda
