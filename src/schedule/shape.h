// Checks that a schedule is well formed: what must hold before it makes sense to run it.

#pragma once

#include <string>

#include "schedule/schedule.h"

namespace tutti {

inline constexpr int kMaxRanks = 1 << 24;
/// Channels are 0 … kMaxChannels-1.
inline constexpr int kMaxChannels = 1 << 16;

/// "" when every rank, chunk index and channel is in range, every step has the operands of its
/// kind, and nothing writes input or a peer's memory other than by put; otherwise a sentence.
std::string check_shape(const Schedule& schedule);

}  // namespace tutti
