// Blocks with the same index, one of each rank, make sure that they have come with the same call:
// each announces its own to all, and looks at all others' before it trusts them with anything.
//
// Whatever kernel a call takes, this is where it begins: ranks whose calls take different kernels
// find out here too. And block 0 is in all of them: where one rank's call has fewer blocks than
// another's, what the other blocks wait for in vain, block 0 knows.
//
// An announcement is a packet (flags.h): the call as a word, and as flag the number of calls that
// the block has been in, which only grows, and wraps. There is room for two, in turn. A rank that
// announces call k + 2 has seen this rank's announcement of call k + 1, made when it was done with
// those of call k.
//
// A rank whose block 0 has not found all peers in the same call announces nothing ever after, and
// trusts nobody: calls may be on their way in its stream, and who comes late must find what it is
// to be compared with, and nobody in its buffers. Other blocks may hear of it in the same call, or
// in the next; block 0 has announced by then.
//
// Tested by cuda_mismatch_test.cc.

#pragma once

#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/flags.h"
#include "executor/cuda/waiting.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {

class RollCall {
 public:
  /// Of a block, for the length of a kernel.
  TUTTI_DEVICE RollCall(const Block& block, const Team& team)
      : block_(block),
        team_(team),
        number_(counters().calls + 1),
        gave_up_(load_relaxed(&own_board().gave_up) != 0) {}

  /// This rank, in an earlier call: what it would say would be misunderstood.
  TUTTI_DEVICE bool has_given_up() const { return gave_up_; }

  /// One thread for each peer, this rank included.
  TUTTI_DEVICE void announce(int peer) const {
    if (gave_up_) return;
    store_packet(slot(team_.boards[peer], team_.rank), make_packet(team_.word, number_));
  }

  /// All threads of the block. Waits until every peer has announced this call, and is_here(peer).
  /// False when one has announced another, or must not be waited for any longer: give up.
  template <class IsHere>
  TUTTI_DEVICE bool await_all(IsHere is_here) const {
    const bool agreed = block_.all(team_.ranks, [&](int peer) { return await(peer, is_here); });
    if (block_.thread() == 0) {  // every thread has read them: all have met since
      counters().calls = number_;
      if (!agreed && block_.index() == 0) store_release(&own_board().gave_up, 1);
    }
    return agreed;
  }

 private:
  TUTTI_DEVICE Board& own_board() const { return *team_.boards[team_.rank]; }
  TUTTI_DEVICE Board::Counters& counters() const { return own_board().counters[block_.index()]; }
  TUTTI_DEVICE Packet* slot(Board* board, int sender) const {
    return &board->announced[block_.index()][number_ % 2][sender];
  }

  // Asks for both before it looks at either. Who has come with another call may never be here.
  template <class IsHere>
  TUTTI_DEVICE bool await(int peer, const IsHere& is_here) const {
    if (gave_up_) return false;
    const Packet* const announced = slot(&own_board(), peer);
    bool is_same = false;
    const bool came = wait_for(block_, team_, number_, [&] {
      const Packet packet = load_packet(announced);
      const bool here = is_here(peer);
      is_same = payload_of(packet) == team_.word;
      return has_flag(packet, number_) && (here || !is_same) ? kNobody : peer;
    });
    if (!came || is_same) return came;
    report_mismatch(team_, peer, payload_of(load_packet(announced)));  // the last that it says
    return false;
  }

  const Block& block_;
  const Team& team_;
  const std::uint32_t number_;
  // Relaxed: pairs with the store of block 0 in await_all(), of an earlier call or of this one.
  // Threads of a block may differ: what is for all of them, Block::all() decides.
  const bool gave_up_;
};

}  // namespace tutti::cuda
