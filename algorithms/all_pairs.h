// One-hop algorithms that put: every rank talks to every other.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule one_shot_all_reduce(int ranks);
Schedule two_shot_all_reduce(int ranks);
Schedule all_pairs_all_gather(int ranks);
Schedule all_pairs_reduce_scatter(int ranks);
Schedule all_pairs_all_to_all(int ranks);
/// In place too: what comes in waits in scratch until all that goes out has gone.
Schedule staged_all_to_all(int ranks);
Schedule all_pairs_barrier(int ranks);

}  // namespace tutti
