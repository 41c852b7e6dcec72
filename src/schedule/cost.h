// What a schedule costs, counted from its steps.
//
// Counts are exact and know nothing of a machine; the tuner weighs them. A chunk that a step reads
// from the rank's own memory and puts to a peer is sent by one and received by the other; so is a
// chunk that a rank reads from a peer.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

/// "Largest" is over ranks, each field on its own: it need not be the same rank in two fields.
struct Cost {
  int steps = 0;        // the longest chain of messages (puts and signals), each given after the
                        // one before it was taken: the alpha term
  int chunks_sent = 0;  // largest number of chunks one rank puts, plus those peers read from it
  int chunks_received =
      0;  // largest number of chunks put to one rank, plus those it reads from peers
  int chunks_reduced =
      0;  // largest number of combinations one rank makes: sources less one a reduce
  int chunks_copied = 0;  // largest number of chunks one rank copies within its own memory
  int critical_chunks =
      0;                   // the time the whole takes, in one piece, when every rank takes one step
                           // at a time; a put or a copy takes 1, a reduce 1 a source, a signal or
                           // a message 0, and receivers take any number at once: the beta term
  int scratch_chunks = 0;  // of each rank

  bool operator==(const Cost&) const = default;
};

/// The cost with input and output separate; linear in the number of sources of all steps.
/// REQUIRES: verify(schedule) == "".
Cost cost(const Schedule& schedule);

}  // namespace tutti
