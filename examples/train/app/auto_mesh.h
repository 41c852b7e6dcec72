// `--mesh auto`: the layout that the planner (tutti plan) finds fastest for this model on the ranks
// that there are, their machine as the library sees it.
//
// Tested by train_auto_mesh_test.cc.

#pragma once

#include "train/app/run_config.h"
#include "tutti/planner.h"
#include "tutti/topology.h"

namespace tutti::train {

/// The machine of these ranks, of which each reaches `peak` FLOP/s in products of matrices.
planner::MachineShape machine_of_ranks(const Topology& topology, double peak);

/// What the planner is asked. Reads config.json where the model is a folder.
planner::Problem problem_of(const RunConfig& config, const planner::MachineShape& machine);

/// The configuration with what the layout decides.
RunConfig with_layout(const RunConfig& config, const planner::Layout& layout);
/// The configuration with all that the layout decides: mesh, order, micro-batch, ZeRO,
/// recomputation, pipeline, chunks. Fails with what would have to change if nothing fits.
RunConfig with_best_layout(const RunConfig& config, const planner::MachineShape& machine);

}  // namespace tutti::train
