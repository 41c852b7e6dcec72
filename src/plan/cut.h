// How a call is cut up for its executor: tiles, blocks in flight, lines of payloads; within the
// memory that scratch and signals have.
//
// Tested by cut_test.cc.

#pragma once

#include <algorithm>
#include <cstddef>

#include "base/line.h"

namespace tutti {

inline constexpr int kMostLanes = 16;
inline constexpr std::size_t kScratchAlignment = 64;

/// Most lines of a payload; beyond that, memory and one flag are as fast.
inline constexpr int kMostLines = 8;

inline int lines_for(std::size_t bytes) {
  return bytes <= kInlineBytes ? 1 : static_cast<int>((bytes + kInlineBytes - 1) / kInlineBytes);
}

/// What a plan needs of the shared memory of each rank.
struct Needs {
  int scratch_chunks = 0;
  int lines = 0;  // signals a rank takes in a block
  int width = 1;  // lines of each
};

/// What there is of it.
struct Room {
  std::size_t scratch_bytes = 0;
  std::size_t lines = 0;

  bool operator==(const Room&) const = default;
};

/// What windows have for calls of a group, and for messages from one rank to another.
inline std::size_t lines_of(int ranks) { return std::max<std::size_t>(1024, 16 * ranks); }
inline constexpr std::size_t kMessageLines = 64;
inline constexpr std::size_t kMessageBytes = (std::size_t{512} << 10) - kMessageLines * kLineBytes;

struct Wish {
  std::size_t tile_bytes = 0;  // at most
  int lanes = 1;
};

struct Cut {
  std::size_t tile = 1;    // elements of every chunk that a block moves
  std::size_t blocks = 1;  // at least one, so that empty calls are checked too
  int lanes = 1;           // blocks in flight

  bool operator==(const Cut&) const = default;
};

/// The largest tile, at most `wanted` bytes, of which blocks with `scratch_chunks` chunks fit the
/// scratch memory `lanes` + 2 times; a multiple of 64 unless less than that fits.
std::size_t fit_tile(std::size_t wanted, int scratch_chunks, int lanes, std::size_t scratch_bytes);

/// The least scratch memory with which cut() works, for elements of so many bytes.
std::size_t least_scratch(int scratch_chunks, std::size_t element = sizeof(double));

/// Chunks of `piece` elements of `element` bytes; a tile is one element at least, even where that
/// is more than is wished for. REQUIRES: room for least_scratch() and for two blocks' lines.
Cut cut(const Needs& needs, const Room& room, std::size_t piece, std::size_t element,
        const Wish& wish);

}  // namespace tutti
