// The worker's mode `loop`: collectives of every size until one fails, then life goes on without
// the ranks that are lost.
//
//   rank R running                          after the first calls
//   rank R error at S s: STATUS             S as CLOCK_MONOTONIC, which is that of all processes
//   rank R shrunk at S s to RANKS           the old numbers of those who are left: "0,2"

#pragma once

#include "tutti/tutti.h"

namespace tutti::multihost {

/// Ranks that give the same seed make the same calls. Returns whether the survivors could compute;
/// does not return before a call fails.
bool loop_until_failure(Communicator& comm, unsigned seed);

}  // namespace tutti::multihost
