// A call as GOAL, the text that LogGOPSim reads: sends, receives and computations of every rank,
// and which of them need which.
//
//   num_ranks 2
//   rank 0 {
//   l1: calc 120
//   l2: send 65536b to 1 tag 0
//   l2 requires l1
//   }
//
// Computations are nanoseconds: copies and reductions, as the machine has them. What a signal
// announces travels with it; a tag is the line on which the receiver takes it. Blocks in flight are
// chains of their own, as many as there are lanes. Grammar: LogGOPSim's txt2bin.re.
//
// Tested by studio_pictures_test.cc.

#pragma once

#include <string>

#include "simulator/machine.h"
#include "studio/production.h"
#include "tutti/status.h"

namespace tutti {

/// The first `blocks`. kNotSupported where ranks read memory of peers, for which GOAL has no word,
/// and for texts of more than kMostGoalLines. REQUIRES: the cast is of all ranks.
inline constexpr std::size_t kMostGoalLines = 20'000'000;
Result<std::string> to_goal(const Production& production, const Machine& machine,
                            std::size_t blocks);

}  // namespace tutti
