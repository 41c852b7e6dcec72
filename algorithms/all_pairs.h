// One-hop algorithms that put: every rank talks to every other.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule one_shot_all_reduce(const Group& group);
Schedule two_shot_all_reduce(const Group& group);
Schedule all_pairs_all_gather(const Group& group);
Schedule all_pairs_reduce_scatter(const Group& group);
Schedule all_pairs_all_to_all(const Group& group);
/// In place too: what comes in waits in scratch until all that goes out has gone.
Schedule staged_all_to_all(const Group& group);
Schedule all_pairs_barrier(const Group& group);

}  // namespace tutti
