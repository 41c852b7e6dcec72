// From thread blocks to a schedule: one program a rank.
//
// Every rank takes the works of its thread blocks in the order of interleave(). A move to another
// GPU becomes a put, which carries a signal: a wait for the GPU's next signal takes those of all
// puts before it. Chunks of the input that the file writes to are chunks of the output where these
// are the same memory, and scratch elsewhere, so that input stays what it is.
//
// Tested by block_races_test.cc.

#pragma once

#include <vector>

#include "schedule/schedule.h"
#include "studio/blocks.h"
#include "studio/interleave.h"
#include "tutti/status.h"

namespace tutti {

/// `copied`: puts send copies of their sources (other than late ones), so that these may change as
/// soon as the put was made; a schedule lets them change when the peer knows of the put.
/// kInvalidArgument for a put that nobody is told of. REQUIRES: find_block_race() == "".
Result<Schedule> lower_blocks(const BlockProgram& program, const std::vector<Turn>& order,
                              bool copied);

}  // namespace tutti
