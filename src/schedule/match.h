// Which wait takes which signal: FIFO per (sender, receiver, channel).

#pragma once

#include <vector>

#include "schedule/schedule.h"

namespace tutti {

struct StepAt {
  int rank = kSelf;
  int step = -1;
  bool operator==(const StepAt&) const = default;
};

/// For every step of every program: the wait that takes it (for put and signal), or the put or
/// signal that it takes (for wait); {kSelf, -1} for other steps and where there is no partner.
std::vector<std::vector<StepAt>> match_signals(const Schedule& schedule);

}  // namespace tutti
