// How long a step's passes take in a pipeline, by running its schedule on paper (tutti/pipeline.h).
//
// Long runs are not simulated to their end: once the pipeline is full, more micro-batches take the
// busiest rank's time each.
//
// Tested by planner_pipeline_costs_test.cc.

#pragma once

#include "tutti/planner.h"

namespace tutti::planner {

/// Of all micro-batches. REQUIRES: make_pipeline() takes these numbers; times has a value a stage.
double pipeline_seconds(const Layout& layout, int micro_batches, const StageTimes& times);

/// Micro-batches that `rank` keeps at once of one of its chunks.
int most_in_flight(const Layout& layout, int micro_batches, int rank, int chunk);

}  // namespace tutti::planner
