// all_gather and all_to_all by copies: the device's copy engines move the bytes, and next to no
// multiprocessor is taken from what computes.
//
// Copies need addresses on the host, and hosts' threads do not wait for each other: nobody knows
// where its peers' buffers are. What all ranks know is where scratch lies. So a piece (pieces.h) of
// every rank's input is copied to its own scratch; the ranks meet, in a kernel of one block, with
// the roll call of the call; each reads its parts from the scratch of all; and they meet again, for
// that scratch to be free.
//
// A rank writes to memory of its own only. Copies have been issued when a meeting finds that
// somebody did not come, or with another call: they read scratch, which outlasts them, and the
// outputs of such a call mean nothing.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include <cstddef>

#include "device/device.h"
#include "executor/cuda/pieces.h"
#include "transports/cuda_p2p/team.h"
#include "tutti/types.h"

namespace tutti::cuda {

struct CopiedCall {
  Collective collective = Collective::kAllGather;  // or kAllToAll
  Piece piece;    // what the inputs in all ranks' scratch, at its beginning, are of
  Buffer output;  // the caller's
  bool in_place = false;
  std::size_t element = 1;
};

/// Issues the copies from all ranks' scratch, from each of them while others read from others.
/// REQUIRES: the stream has met all peers since they have staged the piece.
Status read_from_peers(Device& device, const Team& team, const CopiedCall& call, Stream stream);

}  // namespace tutti::cuda
