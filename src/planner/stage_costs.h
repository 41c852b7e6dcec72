// A layout looked at stage by stage: layers, parameters, seconds, and what is kept.
// Tested by planner_estimate_test.cc.

#pragma once

#include <vector>

#include "planner/layer_costs.h"
#include "planner/layer_memory.h"
#include "planner/stages.h"

namespace tutti::planner {

struct StageCosts {
  LayerCosts costs;       // of a micro-batch
  double parameters = 0;  // on one rank
  // Parameters of each layer, and of tables and norms before and after; where calls are looked at.
  std::vector<double> layers = {}, before = {}, after = {};
  double kept = 0;         // elements of a micro-batch, from forward to backward …
  double kept_longer = 0;  // … and to the gradients of weights, where these come later
};

/// Everything about one (model, machine, job, layout) that times and memory are made of. ZeRO and
/// the order of a pipeline change none of it: context.layout may be given others.
struct Staged {
  CostContext context;
  int micro_batches = 1;                // of a step, on each rank
  std::vector<StageCosts> stages = {};  // chunk c of rank r is stage c * pp + r
  LayerCosts busiest = {};              // of a micro-batch, on the rank that has most to do
  double most_parameters = 0;           // on one rank
  double largest_unit = 0;              // parameters on one rank, of a layer or a table
  SharedRoom room = {};                 // elements, of each chunk
};

/// REQUIRES: divides().
Staged staged(const Problem& problem, const Layout& layout, HostCalls& calls);

}  // namespace tutti::planner
