// What a schedule costs, counted from its steps.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

/// Counts over programs, in chunks; "largest" is over ranks.
struct Cost {
  int steps = 0;             // longest chain of dependent messages (puts and signals) that ends
                             // in a wait: the alpha term
  int chunks_sent = 0;       // largest number of chunks one rank puts or has read by peers
  int chunks_received = 0;   // largest number of chunks put to one rank or read by it from peers
  int chunks_reduced = 0;    // largest number of source chunks one rank reduces, less one a reduce
  int chunks_copied = 0;     // largest number of chunks one rank copies within its own memory
  int critical_chunks = 0;   // chunks moved along the longest chain, each put, copy or reduce
                             // counting its sources: the beta term of an unpipelined run
  int scratch_chunks = 0;

  bool operator==(const Cost&) const = default;
};

/// REQUIRES: verify(schedule) == "".
Cost cost(const Schedule& schedule);

}  // namespace tutti
