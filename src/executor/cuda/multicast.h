// all_reduce through memory that a switch reads and writes on all GPUs at once (NVLS).
//
// Every rank's input goes through its own part of that memory. There a rank loads its share of all
// inputs as one, already summed, and stores it to all ranks as one: the two shots of two_shot.h,
// with the work in the switch.
//
//                    bytes that a GPU receives, and sends
//   two_shot.h       2 (n - 1)/n S
//   this             (1 + 1/n) S
//
// So it is for sums among four or more; nor is there anything to gain for reduce_scatter and
// all_gather, of which a rank sends, or receives, every byte once as it is.
//
// A block takes its stretch of the call in windows, which lie in two slots of its own in turn. All
// of a window is in the slot before anybody sums it, and all sums before anybody takes them out;
// while peers sum one window, a block brings in the next, so that there is a meeting a window:
//
//   bring in 0 | meet | sum 0, bring in 1 | meet | take out 0, sum 1, bring in 2 | meet | …
//
// A slot is free for the window after the next: who has met after its sums is done with it, and
// this block has taken it out. Kernels follow each other likewise, whatever their blocks: a kernel
// ends when all peers have met after all sums.
//
// Tested by cuda_multicast_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/combine.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/meeting.h"
#include "executor/cuda/multimem.h"
#include "executor/cuda/stretch.h"

namespace tutti::cuda {

struct MulticastCall {
  FastCall call;  // an all_reduce; peers need no places
  std::byte* own = nullptr;
  std::byte* all = nullptr;
  std::size_t bytes = 0;  // of `own`: at least kLeastMulticastBytes
};

/// What a block does of a call: the same on all ranks.
class Windows {
 public:
  TUTTI_DEVICE Windows(const Block& block, const MulticastCall& call)
      : stretch_(part_of({0, call.call.count * static_cast<std::size_t>(call.call.element_bytes)},
                         block.count(), block.index())),
        slot_(call.bytes / (2 * static_cast<std::size_t>(block.count())) / kLine * kLine),
        slots_(2 * slot_ * static_cast<std::size_t>(block.index())) {}

  TUTTI_DEVICE std::size_t count() const { return (stretch_.bytes + slot_ - 1) / slot_; }
  /// Of the buffers.
  TUTTI_DEVICE Stretch window(std::size_t i) const {
    const std::size_t left = stretch_.bytes - i * slot_;
    return {stretch_.begin + i * slot_, left < slot_ ? left : slot_};
  }
  /// Where it lies in the memory of the switch.
  TUTTI_DEVICE std::size_t slot(std::size_t i) const { return slots_ + i % 2 * slot_; }

 private:
  static constexpr std::size_t kLine = 128;
  const Stretch stretch_;
  const std::size_t slot_;
  const std::size_t slots_;  // of this block
};

/// From a buffer to the switch's memory, or back; change(pack) is what arrives.
template <class Change>
struct PassThrough {
  static constexpr int kTogether = 4;
  const Change& change;
  const std::byte* source;
  std::byte* target;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    Pack<kBytes> packs[kPacks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) packs[p] = load_pack<kBytes>(source + at + p * step);
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) store_pack(target + at + p * step, change(packs[p]));
  }
};

template <DataType kType>
struct SumPacks {
  static constexpr int kTogether = 4;
  std::byte* all;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    static_assert(kBytes == 16);
    Pack<kBytes> packs[kPacks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) packs[p] = load_sum<kType>(all, at + p * step);
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) store_to_all(all, at + p * step, packs[p]);
  }
};

template <DataType kType>
class SwitchReducer {
 public:
  TUTTI_DEVICE SwitchReducer(const Block& block, const MulticastCall& call)
      : block_(block), call_(call), windows_(block, call), combine_(call.call.arithmetic) {}

  /// Ends early once a peer must not be waited for any longer.
  TUTTI_DEVICE void run() const {
    Meetings meetings(block_, call_.call.team);
    const std::size_t count = windows_.count();
    if (count > 0) bring_in(0);
    fence_ways();
    if (!meetings.meet(call_.call.places)) return;
    TUTTI_LOOP
    for (std::size_t i = 0; i < count; ++i) {
      fence_ways();
      sum(i);
      if (i + 1 < count) bring_in(i + 1);
      fence_ways();
      if (!meetings.meet()) return;
      fence_ways();
      take_out(i);
      block_.meet();  // its slot is free
    }
  }

 private:
  static constexpr int kSize = static_cast<int>(size_of(kType));

  // As it enters the sum: scaled where the call scales.
  TUTTI_DEVICE void bring_in(std::size_t i) const {
    const Stretch window = windows_.window(i);
    pass([this](const auto& pack) { return combine_.contribution(pack); },
         call_.call.input + window.begin, call_.own + windows_.slot(i), window.bytes);
  }

  TUTTI_DEVICE void take_out(std::size_t i) const {
    const Stretch window = windows_.window(i);
    pass([](const auto& pack) { return pack; }, call_.own + windows_.slot(i),
         call_.call.output + window.begin, window.bytes);
  }

  template <class Change>
  TUTTI_DEVICE void pass(const Change& change, const std::byte* source, std::byte* target,
                         std::size_t bytes) const {
    const PassThrough<Change> through{change, source, target};
    Alignment alignment(source);
    alignment.and_with(target);
    walk<kSize, through.kTogether>(block_, alignment, bytes, through);
  }

  // Whole packs: what is summed after the last element lies in the slot, and is taken by nobody.
  TUTTI_DEVICE void sum(std::size_t i) const {
    const Team& team = call_.call.team;
    const Stretch share = part_of({0, windows_.window(i).bytes}, team.ranks, team.rank);
    const SumPacks<kType> sums{call_.all};
    const std::size_t begin = windows_.slot(i) + share.begin;
    walk_packs<16, sums.kTogether>(block_, begin, begin + share.bytes, sums);
  }

  const Block& block_;
  const MulticastCall& call_;
  const Windows windows_;
  const AnyReduction<kType> combine_;
};

/// The kernel.
template <DataType kType>
TUTTI_DEVICE void multicast(const Block& block, const MulticastCall& call) {
  SwitchReducer<kType>(block, call).run();
}

}  // namespace tutti::cuda
