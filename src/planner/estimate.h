// The estimate of a layout, and what it is at best. Tested by planner_estimate_test.cc.

#pragma once

#include "planner/stage_costs.h"

namespace tutti::planner {

/// REQUIRES: divides().
Estimate estimate_of(const Problem& problem, const Staged& all);

/// What a goal is to make small: seconds or joules of a step.
double goal_value(const Problem& problem, Goal goal, const Times& times);
/// Not more than that of the layout's estimate, for little work.
double least_goal_value(const Problem& problem, Goal goal, const Staged& all);

/// MFU of a step that takes so long.
double mfu_of(const Problem& problem, double seconds);

}  // namespace tutti::planner
