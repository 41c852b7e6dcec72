// A ring of memory that every rank of a communicator divides alike.
//
// Blocks of a call take pieces in order. All ranks make the same requests in the same order, so
// that a piece has the same offset in every window and nobody needs to be told. A piece may reuse
// memory of older blocks; take() says up to which block a rank must have finished before its memory
// at that offset may be written.
//
// Tested by ring_memory_test.cc.

#pragma once

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

  /// A piece for `block`; blocks are numbered 1, 2, … REQUIRES: bytes <= capacity().
  Piece take(std::uint64_t block, std::size_t bytes) {
    if (bytes == 0) return {};
    bytes = (bytes + alignment_ - 1) & ~(alignment_ - 1);
    TUTTI_CHECK(bytes <= capacity_, "%zu bytes of a ring of %zu", bytes, capacity_);
    if (at_ + bytes > capacity_) {  // pieces do not wrap
      next_ += capacity_ - at_;
      at_ = 0;
    }
    while (first_ != last_ && taken(first_).begin + capacity_ < next_ + bytes) {
      freed_ = taken(first_++).block;
    }
    if (last_ - first_ == taken_.size()) grow();
    taken(last_++) = {next_, block};
    const Piece piece{at_, freed_};
    next_ += bytes;
    at_ += bytes;
    return piece;
  }

 private:
  struct Taken {
    std::uint64_t begin;
    std::uint64_t block;
  };

  Taken& taken(std::size_t i) { return taken_[i & (taken_.size() - 1)]; }

  void grow() {
    std::vector<Taken> larger(2 * taken_.size());
    for (std::size_t i = first_; i != last_; ++i) larger[i & (larger.size() - 1)] = taken(i);
    taken_ = std::move(larger);
  }

  std::size_t capacity_;
  std::size_t alignment_;    // a power of two
  std::uint64_t next_ = 0;   // position in an endless ribbon, of which the ring is a window
  std::size_t at_ = 0;       // the same in the ring
  std::uint64_t freed_ = 0;  // the newest block whose memory has been given out again
  // A queue of the pieces given out: [first_, last_) in an array of a power of two.
  std::vector<Taken> taken_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
};

}  // namespace tutti
