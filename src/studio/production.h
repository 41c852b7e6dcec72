// All that a simulation needs: who plays what, on which machine, in which pieces.
//
// Between GPUs, ranks are simulated program by program. Ranks on processors are simulated as their
// executor runs them, plan by plan and staged through scratch, as long as they are few.
//
// Tested by simulation_test.cc.

#pragma once

#include <string>

#include "algorithms/catalog.h"
#include "simulator/simulate.h"
#include "tutti/simulate.h"

namespace tutti {

struct Production {
  std::string algorithm;
  Collective collective = Collective::kAllReduce;
  Cast cast;
  SimulatedCall call;
};

/// `every_rank`: no rank stands for others.
Result<Production> produce(const Machine& machine, const SimulationRequest& request,
                           bool every_rank);

/// The ranks of a machine and their hosts.
Group group_of(const Machine& machine);

/// Whether the machine can run it: it takes the ranks, and reads no memory of other hosts.
bool can_run(const Machine& machine, const Algorithm& algorithm);

}  // namespace tutti
