// Whether thread blocks that run at once could see each other's work half done.
//
// A schedule has one program a rank, in which whatever thread blocks do follows each other: what
// nothing orders in the file must be found before that. Order is known by vector clocks over thread
// blocks, two for each: what is ordered and visible, and what is only ordered (relaxed signals and
// packets say nothing of other writes). Steps of one thread block follow each other.
//
// Tested by block_races_test.cc.

#pragma once

#include <string>
#include <vector>

#include "studio/blocks.h"
#include "studio/interleave.h"

namespace tutti {

/// "" when (1) of any two accesses of one chunk, one of them a write, one is ordered before the
/// other, and seen by it; (2) no chunk is read before anything was written to it; (3) signals of a
/// lane are given, and taken, in a certain order. `order` is that of interleave().
std::string find_block_race(const BlockProgram& program, const std::vector<Turn>& order);

}  // namespace tutti
