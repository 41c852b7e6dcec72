// Whether the ranks have come with the same call, asked by a kernel that waits for nobody: what
// roll_call.h does, for the engine.
//
// Before it meets the others, a rank's stream puts the call's word, in a packet with the number of
// the round as its flag, into a slot of every peer's board. Once all have met, this kernel
// compares. All ranks see the same words, so all of them give up in the same round.
//
// The streams of a rank that has given up go on: they announce the rounds that follow, while a peer
// may not have compared yet. There are slots for 128 rounds, in turn, so that it finds what it is
// to be compared with.
//
// Tested by cuda_mismatch_test.cc.

#pragma once

#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/flags.h"
#include "executor/cuda/waiting.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {

/// Where `board` has what the rank announces of the round. Kernels that wait for each other have
/// other uses for it, and never use the same boards.
TUTTI_DEVICE Packet* announcement(Board& board, std::uint32_t round, int rank) {
  const std::uint32_t slot = round % (2 * kMostBlocks);
  return &board.announced[slot / 2][slot % 2][rank];
}

/// The kernel's parameter.
struct EngineRollCall {
  Team team;
  std::uint32_t round = 0;
};

/// One thread for each rank. REQUIRES: the stream has met all peers in the round, or was let go.
TUTTI_DEVICE void compare_calls(const Block& block, const EngineRollCall& call) {
  const Team& team = call.team;
  Board& own = *team.boards[team.rank];
  block.each(static_cast<std::size_t>(team.ranks), [&](std::size_t index) {
    const int peer = static_cast<int>(index);
    if (peer == team.rank) return;
    const Packet packet = load_packet(announcement(own, call.round, peer));
    const bool came = has_flag(packet, call.round);
    if (came && payload_of(packet) == team.word) return;
    if (came) report_mismatch(team, peer, payload_of(packet));
    if (!came) report(team, kMissed, peer, call.round);
    store_release(&own.gave_up, 1);  // read by passes that the stream launches after this
  });
}

}  // namespace tutti::cuda
