// A ring of memory that every rank of a communicator divides alike.
//
// Blocks of a call take pieces in order. All ranks make the same requests in the same order, so
// that a piece has the same offset in every window and nobody needs to be told. A piece may reuse
// memory of older blocks; take() says up to which block a rank must have finished before its memory
// at that offset may be written.
//
// Tested by ring_memory_test.cc.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/check.h"

namespace tutti {

class RingMemory {
 public:
  RingMemory(std::size_t capacity, std::size_t alignment)
      : capacity_(capacity), alignment_(alignment) {}

  struct Piece {
    std::size_t offset = 0;
    std::uint64_t after = 0;  // the piece is free on ranks that have finished this block
  };

  std::size_t capacity() const { return capacity_; }

  /// A piece for `block`; blocks are numbered 1, 2, … REQUIRES: bytes <= capacity().
  Piece take(std::uint64_t block, std::size_t bytes) {
    if (bytes == 0) return {};
    bytes = (bytes + alignment_ - 1) / alignment_ * alignment_;
    TUTTI_CHECK(bytes <= capacity_, "%zu bytes of a ring of %zu", bytes, capacity_);
    const std::size_t at = next_ % capacity_;
    if (at + bytes > capacity_) next_ += capacity_ - at;  // pieces do not wrap
    while (!taken_.empty() && taken_.front().begin + capacity_ < next_ + bytes) {
      freed_ = taken_.front().block;
      taken_.pop_front();
    }
    taken_.push_back({next_, block});
    const Piece piece{next_ % capacity_, freed_};
    next_ += bytes;
    return piece;
  }

 private:
  struct Taken {
    std::uint64_t begin;
    std::uint64_t block;
  };

  std::size_t capacity_;
  std::size_t alignment_;
  std::uint64_t next_ = 0;   // position in an endless ribbon; the ring is this modulo capacity
  std::uint64_t freed_ = 0;  // the newest block whose memory has been given out again
  std::deque<Taken> taken_;
};

}  // namespace tutti
