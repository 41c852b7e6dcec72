// Pipelines whose ranks share the cores of their node, run on paper.
//
// A rank that waits polls, so that the system sees no idle core to move others to: ranks stay where
// they are, and what one core has more to do than another is waited for. Where that is the system
// decides, and it lasts; counted is what is worst and what measured pipelines are nearest to, that
// stages which follow each other are on the same core. Ranks that compute on a core have equal
// shares of it.
//
// Tested by planner_costs_test.cc.

#pragma once

#include "tutti/planner.h"

namespace tutti::planner {

/// How many ranks a core has; 1 where devices compute alone.
double crowd_of(const MachineShape& machine);

/// As pipeline_seconds(); `times` are those of ranks that have their share of a core and no more.
double shared_pipeline_seconds(const MachineShape& machine, const Layout& layout, int micro_batches,
                               const StageTimes& times);

}  // namespace tutti::planner
