// What a rank's groups use of the library's windows. Tested by train_auto_mesh_test.cc, against the
// trainer's own.
// trainer's own.

#pragma once

#include "planner/stage_costs.h"

namespace tutti::planner {

/// Groups as they lie on one node. REQUIRES: all.context.calls.
double window_bytes(const Staged& all, int pipeline_rank);

}  // namespace tutti::planner
