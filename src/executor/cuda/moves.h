// Collectives that move bytes and reduce none, in one kernel.
//
//                stands for (catalog)   a rank's part
//
//   all_gather   all_pairs              puts its input to every output
//   broadcast    scatter_all_gather     reads 1/n of the root's input, puts it to every output
//   gather       direct                 puts its input to the root's output
//   scatter      direct_pull            reads its chunk of the root's input
//   all_to_all   all_pairs              puts a chunk to each output
//   in place     staged                 swaps its chunk for a peer's with the peer, half each
//   barrier      all_pairs              meets
//
// A swap reads both chunks before it writes either, in registers, so it needs no scratch.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/meeting.h"
#include "executor/cuda/packs.h"
#include "executor/cuda/stretch.h"

namespace tutti::cuda {

/// Where the outputs are that a block writes to.
struct MoveTargets {
  std::byte* at[kMostRanks];
};

/// From one place to some.
struct CopyPacks {
  static constexpr int kTogether = 4;
  const std::byte* source;
  const MoveTargets& targets;
  int target_count;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    Pack<kBytes> packs[kPacks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) packs[p] = load_pack<kBytes>(source + at + p * step);
    TUTTI_LOOP
    for (int t = 0; t < target_count; ++t) {
      std::byte* const target = targets.at[t];
      TUTTI_UNROLL
      for (int p = 0; p < kPacks; ++p) store_pack(target + at + p * step, packs[p]);
    }
  }
};

struct SwapPacks {
  static constexpr int kTogether = 4;
  std::byte* left;
  std::byte* right;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    Pack<kBytes> from_left[kPacks], from_right[kPacks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) {
      from_left[p] = load_pack<kBytes>(left + at + p * step);
      from_right[p] = load_pack<kBytes>(right + at + p * step);
    }
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) {
      store_pack(left + at + p * step, from_right[p]);
      store_pack(right + at + p * step, from_left[p]);
    }
  }
};

class Mover {
 public:
  TUTTI_DEVICE Mover(const Block& block, const FastCall& call, const Meetings& meetings,
                     MoveTargets& targets)
      : block_(block),
        call_(call),
        meetings_(meetings),
        targets_(targets),
        ranks_(call.team.ranks),
        rank_(call.team.rank),
        bytes_(call.count * static_cast<std::size_t>(call.element_bytes)) {}

  TUTTI_DEVICE void run() const {
    if (call_.collective == Collective::kBarrier) return;
    if (call_.collective == Collective::kAllToAll && call_.in_place) return swap_all();
    const int turns = call_.collective == Collective::kAllToAll ? ranks_ : 1;
    TUTTI_LOOP
    for (int turn = 1; turn <= turns; ++turn) put(put_of(turn));
  }

 private:
  /// The stretch of `source`, to the outputs of `count` ranks from `first`, there `offset` further.
  struct Put {
    const std::byte* source;
    Stretch stretch;
    int first;
    int count;
    std::size_t offset;
  };

  TUTTI_DEVICE Put put_of(int turn) const {
    const Stretch all = {0, bytes_};
    switch (call_.collective) {
      case Collective::kAllGather:
        return {call_.input, all, 0, ranks_, offset_of(rank_)};
      case Collective::kGather:
        return {call_.input, all, call_.root, 1, offset_of(rank_)};
      case Collective::kBroadcast:
        return {meetings_.input_of(call_.root), part_of(all, ranks_, rank_), 0, ranks_, 0};
      case Collective::kScatter:
        return {meetings_.input_of(call_.root) + offset_of(rank_), all, rank_, 1, 0};
      case Collective::kAllToAll: {
        // The next rank first, so that no two ranks write to the same one at a time.
        const int peer = (rank_ + turn) % ranks_;
        return {call_.input + offset_of(peer), all, peer, 1, offset_of(rank_)};
      }
      case Collective::kAllReduce:
      case Collective::kReduceScatter:
      case Collective::kReduce:
      case Collective::kBarrier:
      case Collective::kSendRecv:
      case Collective::kScan:
      case Collective::kExclusiveScan:
        break;
    }
    return {};
  }

  TUTTI_DEVICE std::size_t offset_of(int rank) const {
    return bytes_ * static_cast<std::size_t>(rank);
  }
  /// This block's part of what the rank moves.
  TUTTI_DEVICE Stretch part(const Stretch& whole) const {
    return part_of(whole, block_.count(), block_.index());
  }

  TUTTI_DEVICE void put(const Put& put) const {
    const Stretch mine = part(put.stretch);
    block_.each(static_cast<std::size_t>(put.count), [&](std::size_t t) {
      const int rank = put.first + static_cast<int>(t);
      targets_.at[t] = meetings_.output_of(rank) + put.offset + mine.begin;
    });
    block_.meet();
    copy(put.source + mine.begin, put.count, mine.bytes);
    block_.meet();  // the targets have been read
  }

  TUTTI_DEVICE void copy(const std::byte* source, int count, std::size_t bytes) const {
    Alignment alignment(source);
    TUTTI_LOOP
    for (int t = 0; t < count; ++t) alignment.and_with(targets_.at[t]);
    walk_bytes(block_, alignment, bytes, CopyPacks{source, targets_, count});
  }

  TUTTI_DEVICE void swap_all() const {
    TUTTI_LOOP
    for (int i = 1; i < ranks_; ++i) {
      const int peer = (rank_ + i) % ranks_;
      const Stretch half = part_of({0, bytes_}, 2, rank_ < peer ? 0 : 1);
      swap(peer, part(half));
    }
  }

  TUTTI_DEVICE void swap(int peer, const Stretch& part) const {
    const SwapPacks pair{call_.output + offset_of(peer) + part.begin,
                         meetings_.output_of(peer) + offset_of(rank_) + part.begin};
    Alignment alignment(pair.left);
    alignment.and_with(pair.right);
    walk_bytes(block_, alignment, part.bytes, pair);
  }

  const Block& block_;
  const FastCall& call_;
  const Meetings& meetings_;
  MoveTargets& targets_;
  const int ranks_;
  const int rank_;
  const std::size_t bytes_;  // of a chunk
};

/// The kernel.
TUTTI_DEVICE void move(const Block& block, const FastCall& call) {
  Meetings meetings(block, call.team);
  if (!meetings.meet(call.places)) return;
  TUTTI_SHARED(MoveTargets, targets);
  Mover(block, call, meetings, targets).run();
  if (call.collective != Collective::kBarrier) meetings.meet();
}

}  // namespace tutti::cuda
