// Proves a schedule right before anything runs, or says in a sentence what is wrong.
//
// Contents are symbolic: which ranks' contributions a chunk holds, and how often; of scans also in
// which order, since their operations need not commute. Signals are FIFO
// per (sender, receiver, channel). Order is tracked by vector clocks; a put is an asynchronous
// agent that reads its source and writes its target between its issue and the wait that takes it.
//
// Checked: every output holds exactly what its collective says, every contribution once; those of
// scans in the order of ranks; no
// deadlock; no two accesses of one chunk, one of them a write, without order between them; no
// signal left over; no chunk index or rank out of range; no chunk read before it was written; and
// nobody touches a rank's buffers after its program ended, other than its own puts that still read
// their sources (an executor flushes them before its call returns). For a barrier: causality
// between every rank's start and every rank's end.
//
// Tested by verify_test.cc, and against random runs by verify_soundness_test.cc.

#pragma once

#include <string>

#include "schedule/schedule.h"

namespace tutti {

enum class Placement {
  kSeparate,  // input and output are different memory
  kInPlace,   // all_reduce, broadcast, reduce (root), scan, exclusive_scan: output(j) is
              // input(j);
              // all_gather, gather (root): input(j) is output(rank*k+j);
              // reduce_scatter, scatter (root): output(j) is input(rank*k+j);
              // all_to_all: output(j) is input(j)
};

/// "" when the schedule is right; otherwise the first thing wrong, naming ranks and steps:
/// "deadlock: rank 1 at step 2 (wait 0) waits for ever for rank 0, which has ended". Steps count
/// from 0. Takes wrong schedules as well as right ones.
std::string verify(const Schedule& schedule, Placement placement = Placement::kSeparate);

/// True when every output element that is a reduction is made by one pass over all contributions
/// in rank order 0, 1, … n-1; of scans, by taking in one rank after the other, from the first on.
/// Such schedules give the same bits as each other, whatever they are.
/// REQUIRES: verify(schedule) == "".
bool reduces_in_rank_order(const Schedule& schedule);

}  // namespace tutti
