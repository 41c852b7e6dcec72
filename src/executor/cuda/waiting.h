// Waiting for peers, not forever: by the wall clock, and not when the host says stop.
//
// Who gives up writes into the team's trouble which peer did not come, unless another block has
// done so already; then all that waits on this rank gives up soon, for what it waits for may come
// from a block that is gone.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/flags.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {

inline constexpr int kNobody = -1;

/// Says what went wrong, if nobody has said anything yet. Any thread.
TUTTI_DEVICE void report(const Team& team, TroubleCode code, int peer, std::uint32_t waited_for) {
  Trouble& trouble = *team.trouble;
  if (!claim(&trouble.claimed)) return;
  trouble.peer = peer;
  trouble.call = team.call;
  trouble.waited_for = waited_for;
  store_release(&trouble.code, code);  // pairs with the host's acquire, before it reads the rest
}

/// The same: the peer has come with another call, `theirs`.
TUTTI_DEVICE void report_mismatch(const Team& team, int peer, std::uint64_t theirs) {
  Trouble& trouble = *team.trouble;
  if (!claim(&trouble.claimed)) return;
  trouble.peer = peer;
  trouble.call = team.call;
  trouble.ours = team.word;
  trouble.theirs = theirs;
  store_release(&trouble.code, kMismatch);  // pairs as in report()
}

/// Waits until missing(), which looks for the peers that have not come, answers kNobody. False when
/// they must not be waited for any longer: the caller gives up its work. `waited_for` is for the
/// message. Threads wait each for itself.
template <class Missing>
TUTTI_DEVICE bool wait_for(const Block& block, const Team& team, std::uint32_t waited_for,
                           Missing missing) {
  // Asking for the time, and memory of the host, costs more than asking for a flag.
  constexpr std::uint32_t kPollsPerLook = 128;
  std::uint64_t began = 0;
  TUTTI_LOOP
  for (std::uint32_t polls = 1;; ++polls) {
    const int peer = missing();
    if (peer == kNobody) return true;
    block.pause();
    if (polls % kPollsPerLook != 0) continue;
    if (load_relaxed(&team.trouble->claimed) != 0) return false;
    const std::uint64_t now = block.now();
    if (began == 0) began = now;
    const bool stopped = load_relaxed(&team.trouble->stop) != 0;
    if (!stopped && now - began < team.patience_ns) continue;
    report(team, stopped ? kStopped : kMissed, peer, waited_for);
    return false;
  }
}

}  // namespace tutti::cuda
