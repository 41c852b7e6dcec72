// One run of a schedule: its steps in an order that respects program order and signals.
//
// Signals are FIFO per (sender, receiver, channel), so which signal a wait takes is the same in
// every run; one trace therefore stands for all of them. Verifier, reference execution, cost and
// pictures are each one pass over it.
//
// Tested by verify_test.cc.

#pragma once

#include <vector>

#include "schedule/schedule.h"

namespace tutti {

inline constexpr int kNone = -1;

/// A rank takes a step, or ends (step == number of its steps).
struct Event {
  int rank = 0;
  int step = 0;
  int match = kNone;  // of a wait: the event, earlier in the trace, that gave the signal it takes
};

struct Trace {
  std::vector<Event> events;
  std::vector<int> stuck;      // by rank: the step at which it waits for ever, or kNone
  std::vector<int> unmatched;  // events that gave a signal nobody takes, in order
};

/// Runs each rank as far as it gets, in turn. REQUIRES: check_shape(schedule) == "".
Trace trace(const Schedule& schedule);

}  // namespace tutti
