// Memory that every rank of a communicator divides alike.
//
// Blocks of a call take pieces in order, lap after lap from the start of the memory. All ranks make
// the same requests in the same order, so that a piece has the same offset in every window and
// nobody needs to be told. A piece may reuse memory of older blocks; take() says up to which block
// a rank must have finished before its memory at that offset may be written.
//
// Laps are as short as a few pieces need, whatever the capacity: the memory used last is still in
// the caches.
//
// Tested by ring_memory_test.cc.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace tutti {

class RingMemory {
 public:
  RingMemory(std::size_t capacity, std::size_t alignment)
      : capacity_(capacity), alignment_(alignment), taken_(16) {}

  struct Piece {
    std::size_t offset = 0;
    std::uint64_t after = 0;  // the piece is free on ranks that have finished this block
  };

  std::size_t capacity() const { return capacity_; }

  /// A piece for `block`; blocks are numbered 1, 2, … REQUIRES: 2 * bytes <= capacity().
  Piece take(std::uint64_t block, std::size_t bytes) {
    if (bytes == 0) return {};
    bytes = (bytes + alignment_ - 1) & ~(alignment_ - 1);
    TUTTI_CHECK(2 * bytes <= capacity_, "%zu bytes of a ring of %zu", bytes, capacity_);
    if (at_ + bytes > lap_of(bytes)) begin_lap();
    // What is left of the lap before and begins before this piece ends, it overwrites.
    while (first_ != lap_ && taken(first_).begin < at_ + bytes) freed_ = taken(first_++).block;
    if (last_ - first_ == taken_.size()) grow();
    taken(last_++) = {at_, block};
    const Piece piece{at_, freed_};
    at_ += bytes;
    return piece;
  }

 private:
  struct Taken {
    std::size_t begin;
    std::uint64_t block;
  };

  // Many small pieces, or a few large ones.
  std::size_t lap_of(std::size_t bytes) const {
    constexpr std::size_t kLeast = std::size_t{8} << 10;
    constexpr std::size_t kCached = std::size_t{256} << 10;
    const std::size_t small = std::clamp(16 * bytes, kLeast, kCached);
    return std::min(capacity_, std::max(small, 6 * bytes));
  }

  void begin_lap() {
    // Pieces of the lap before the one that ends, if it was longer: gone, and long finished.
    if (first_ != lap_) freed_ = taken(lap_ - 1).block;
    first_ = lap_;
    lap_ = last_;
    at_ = 0;
  }

  Taken& taken(std::size_t i) { return taken_[i & (taken_.size() - 1)]; }

  void grow() {
    std::vector<Taken> larger(2 * taken_.size());
    for (std::size_t i = first_; i != last_; ++i) larger[i & (larger.size() - 1)] = taken(i);
    taken_ = std::move(larger);
  }

  std::size_t capacity_;
  std::size_t alignment_;    // a power of two
  std::size_t at_ = 0;       // where the next piece begins
  std::uint64_t freed_ = 0;  // the newest block whose memory has been given out again
  // A queue of pieces in an array of a power of two: [first_, lap_) of the lap before, by offset,
  // and [lap_, last_) of this one.
  std::vector<Taken> taken_;
  std::size_t first_ = 0;
  std::size_t lap_ = 0;
  std::size_t last_ = 0;
};

}  // namespace tutti
