// A layout looked at stage by stage: layers, parameters, seconds, and what is kept.
// Tested by planner_estimate_test.cc.

#pragma once

#include <vector>

#include "planner/layer_costs.h"
#include "planner/stages.h"

namespace tutti::planner {

struct StageCosts {
  LayerCosts costs;       // of a micro-batch
  double parameters = 0;  // on one rank
  double kept = 0;        // elements of a micro-batch, from forward to backward
};

/// Everything about one (model, machine, job, layout) that times and memory are made of. ZeRO and
/// the order of a pipeline change none of it: context.layout may be given others.
struct Staged {
  CostContext context;
  int micro_batches = 1;                // of a step, on each rank
  std::vector<StageCosts> stages = {};  // chunk c of rank r is stage c * pp + r
  LayerCosts busiest = {};              // of a micro-batch, on the rank that has most to do
  double most_parameters = 0;           // on one rank
  double largest_layer = 0;             // parameters on one rank
  double workspace = 0;                 // elements, of the layer that needs most
  double again = 0;                     // elements, of a layer computed again
};

/// REQUIRES: divides().
Staged staged(const Problem& problem, const Layout& layout);

}  // namespace tutti::planner
