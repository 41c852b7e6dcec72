// Rewrites a schedule for buffers that peers cannot reach.
//
// Input and output then belong to their rank alone; only scratch is shared. The same data moves,
// with a copy aside on one end:
//
//   put(src, peer, output(c))    puts into a scratch chunk; the peer copies it on after its wait.
//   reading of(peer, input(c))   the peer first copies input(c) into scratch and signals its
//                                readers, who wait and read that instead.
//   reading of(peer, output(c))  the peer copies output(c) into scratch wherever it writes it.
//
// The result verifies whenever the schedule did. Tested by stage_test.cc.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

/// The rewritten schedule; equal to `schedule` when no step touches a peer's input or output.
/// REQUIRES: verify(schedule) == "".
Schedule stage(const Schedule& schedule);

}  // namespace tutti
