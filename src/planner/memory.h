// What a layout needs of a device's memory. Tested by planner_memory_test.cc.

#pragma once

#include "planner/stage_costs.h"

namespace tutti::planner {

/// Of the rank that needs most.
Memory memory_of(const Staged& all);

}  // namespace tutti::planner
