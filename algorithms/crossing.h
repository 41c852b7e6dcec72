// What of a schedule crosses between hosts.

#pragma once

#include <vector>

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

struct Crossing {
  int steps = 0;                     // the most messages between hosts in any chain of messages
  std::vector<int> chunks_sent;      // by host: chunks put to other hosts
  std::vector<int> chunks_received;  // by host: chunks put to it by other hosts
  std::vector<int> peers;            // by rank: ranks of other hosts that it talks to

  bool operator==(const Crossing&) const = default;
};

/// REQUIRES: the schedule is for the group's ranks, pushes only, and verify(schedule) == "".
Crossing crossing(const Schedule& schedule, const Group& group);

}  // namespace tutti
