// One order in which the works of all thread blocks can run.
//
// Time goes in rounds: in each, every thread block takes the next step that waits for something, if
// that had happened before the round, and all steps behind it that wait for nothing. Whatever runs
// at once on the GPUs is so close together here. As every work comes after those that it waits for,
// a single thread of each GPU that takes its share in this order never waits for what it would
// itself do later.
//
// Tested by block_races_test.cc.

#pragma once

#include <vector>

#include "studio/blocks.h"
#include "tutti/status.h"

namespace tutti {

struct Turn {
  int block = 0;
  int work = 0;
  int partner = -1;  // take: the turn of its give; pass: that of its post

  bool operator==(const Turn&) const = default;
};

/// kInvalidArgument where thread blocks wait for ever, or give what nobody takes.
Result<std::vector<Turn>> interleave(const BlockProgram& program);

}  // namespace tutti
