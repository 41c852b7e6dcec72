// What a phase of inference takes on the stages of a replica. Tested by planner_inference_test.cc.

#pragma once

#include "planner/layer_costs.h"
#include "tutti/planner_inference.h"

namespace tutti::planner {

/// Seconds of a stage, and of a whole way through all of them.
struct PhaseCosts {
  PhaseTimes all;
  double busiest = 0;  // stage: what sets the rate
};

/// Of one prompt. REQUIRES: divides().
PhaseCosts prefill_costs(const InferenceProblem& problem, const Layout& layout);

/// Of one token of each of `sequences`, that have so many tokens before it.
PhaseCosts decode_costs(const InferenceProblem& problem, const Layout& layout, double sequences,
                        double tokens);

InferenceMemory memory_of(const InferenceProblem& problem, const Layout& layout);

/// The problem of training that has the forward pass of a prompt in each replica.
Problem as_training(const InferenceProblem& problem, const Layout& layout);

}  // namespace tutti::planner
