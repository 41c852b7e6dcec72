// How long a step takes, part by part. Tested by planner_estimate_test.cc.

#pragma once

#include "planner/stage_costs.h"

namespace tutti::planner {

Times times_of(const Staged& all);
Volumes volumes_of(const Staged& all);

/// Not more than times_of(all).step(), for little work: nothing is simulated.
double least_seconds(const Staged& all);
/// Of a step, in which devices compute.
double computing_seconds(const Staged& all);

}  // namespace tutti::planner
