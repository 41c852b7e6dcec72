// Blocks with the same index, one of each rank, meet: each tells all that it has come, and waits
// until all have.
//
// Each rank counts the meetings of each of its blocks; the number only grows, from kernel to
// kernel, and wraps. Ranks that make the same calls with the same number of blocks agree on it. So
// flags need no reset, and a rank that is a meeting ahead has only raised its flag further.
//
// A kernel that works in peers' buffers meets twice. Before the first meeting a rank's input is
// complete and its output free; there it says where both are. After the last, nobody works in its
// buffers any more. So the places of a call are read before the next call's can be written. The
// first meeting is a roll call too (roll_call.h): who comes with another call is not worked with.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/flags.h"
#include "executor/cuda/roll_call.h"
#include "executor/cuda/waiting.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {

/// Where this rank sees that place of the peer, itself included.
TUTTI_DEVICE std::byte* address(const Team& team, int peer, Place place) {
  const std::uint64_t number = place >> kPlaceShift;
  const std::uint64_t offset = place & ((std::uint64_t{1} << kPlaceShift) - 1);
  if (number == kAddressSpace) return reinterpret_cast<std::byte*>(offset);
  return team.shared[static_cast<std::uint64_t>(peer) * kMostShared + number] + offset;
}

class Meetings {
 public:
  /// Of a block, for the length of a kernel.
  TUTTI_DEVICE Meetings(const Block& block, const Team& team)
      : block_(block), team_(team), count_(counter()) {}

  /// All threads of the block. What any thread of a block that comes did before, is done for all
  /// threads after. False when somebody did not come: give up, and do not meet again.
  TUTTI_DEVICE bool meet() {
    ++count_;
    block_.meet();
    block_.each(team_.ranks, [&](std::size_t peer) { arrive(static_cast<int>(peer)); });
    keep_count();
    return block_.all(team_.ranks, [&](int peer) {
      return wait_for(block_, team_, count_, [&] { return is_here(peer) ? kNobody : peer; });
    });
  }

  /// The first of a kernel: also tells the peers where this rank's buffers are, and which call it
  /// has come with. False as well when a peer has come with another one.
  TUTTI_DEVICE bool meet(const Places& places) {
    const RollCall roll(block_, team_);
    ++count_;
    block_.meet();
    block_.each(team_.ranks, [&](std::size_t peer) {
      if (roll.has_given_up()) return;
      team_.boards[peer]->places[block_.index()][team_.rank] = places;
      roll.announce(static_cast<int>(peer));
      arrive(static_cast<int>(peer));
    });
    keep_count();
    return roll.await_all([&](int peer) { return is_here(peer); });
  }

  /// Where the peer's buffers are, as this rank sees them. After a meeting at which it has told.
  TUTTI_DEVICE const std::byte* input_of(int peer) const {
    return address(team_, peer, places_of(peer).input);
  }
  TUTTI_DEVICE std::byte* output_of(int peer) const {
    return address(team_, peer, places_of(peer).output);
  }

 private:
  TUTTI_DEVICE Board& board() const { return *team_.boards[team_.rank]; }
  TUTTI_DEVICE std::uint32_t& counter() const { return board().counters[block_.index()].meetings; }
  TUTTI_DEVICE const Places& places_of(int peer) const {
    return board().places[block_.index()][peer];
  }

  // One thread for each peer. The release pairs with the acquire of the peer's is_here(), and
  // stands for the whole block, which has met before.
  TUTTI_DEVICE void arrive(int peer) {
    store_release(&team_.boards[peer]->meetings[block_.index()][team_.rank], count_);
  }
  TUTTI_DEVICE bool is_here(int peer) const {
    return has_reached(load_acquire(&board().meetings[block_.index()][peer]), count_);
  }

  // Every thread has read the counter: they have met since.
  TUTTI_DEVICE void keep_count() const {
    if (block_.thread() == 0) counter() = count_;
  }

  const Block& block_;
  const Team& team_;
  std::uint32_t count_;
};

}  // namespace tutti::cuda
