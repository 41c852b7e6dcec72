// Copies that kernels make for the host while their streams wait for it. The host must not ask CUDA
// for them meanwhile: it may have to wait for kernels to end, say while it loads one.
//
// An order is in memory of the host. Each block of a kernel that waits (visits.h) has a line of
// orders; of all kernels that wait, one at a time is the porter of a line, and makes its copies in
// the order given. It gives its place back when it has its answer.
//
// Tested by proxy_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/flags.h"
#include "executor/cuda/packs.h"
#include "executor/cuda/stretch.h"

namespace tutti::cuda {

inline constexpr std::uint32_t kPorterLines = 3;
inline constexpr std::uint32_t kOrderSlots = 256;

struct CopyOrder {
  const std::byte* source = nullptr;
  std::byte* target = nullptr;
  std::uint64_t bytes = 0;
};

/// In memory of the host that both sides reach. Numbers only grow, and wrap.
struct PorterLine {
  alignas(64) CopyOrder orders[kOrderSlots] = {};
  alignas(64) std::uint32_t given = 0;  // by the host
  alignas(64) std::uint32_t made = 0;   // by porters
};

/// In memory of the device: whether a kernel is the porter, by line.
struct PorterPlaces {
  std::uint32_t taken[kPorterLines];
};

/// What a thread of the block knows as its porter.
class Porter {
 public:
  TUTTI_DEVICE Porter(PorterLine& line, std::uint32_t& taken) : line_(line), taken_(taken) {}

  /// Whether there is a copy to make; for this kernel to make, if it has the place or it is free.
  TUTTI_DEVICE bool has_order() {
    if (load_relaxed(&line_.given) == (is_porter_ ? made_ : load_relaxed(&line_.made)))
      return false;
    if (!is_porter_) {
      if (!take(&taken_)) return false;
      is_porter_ = true;
      made_ = load_relaxed(&line_.made);  // by porters before this one
    }
    // Acquire: pairs with the host's release, after the order and what it has written to be copied.
    return load_acquire(&line_.given) != made_;
  }
  /// REQUIRES: has_order() was true.
  TUTTI_DEVICE CopyOrder order() const { return line_.orders[made_ % kOrderSlots]; }
  /// The copy is made, by all threads.
  TUTTI_DEVICE void make_known() {
    store_release(&line_.made, ++made_);  // pairs with the host's acquire
  }
  TUTTI_DEVICE void leave() {
    if (is_porter_) store_release(&taken_, 0);  // pairs with take()
  }

 private:
  PorterLine& line_;
  std::uint32_t& taken_;
  std::uint32_t made_ = 0;
  bool is_porter_ = false;
};

struct CopyOrderedPacks {
  static constexpr int kTogether = 4;
  CopyOrder order;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    Pack<kBytes> packs[kPacks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) packs[p] = load_pack<kBytes>(order.source + at + p * step);
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) store_pack(order.target + at + p * step, packs[p]);
  }
};

/// By all threads of the block.
TUTTI_DEVICE void make_copy(const Block& block, const CopyOrder& order) {
  Alignment alignment(order.source);
  alignment.and_with(order.target);
  walk_bytes(block, alignment, order.bytes, CopyOrderedPacks{order});
}

}  // namespace tutti::cuda
