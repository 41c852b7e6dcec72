// One-hop algorithms that read peers' memory, which must be mapped.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule one_shot_pull_all_reduce(int ranks);
Schedule two_shot_pull_all_reduce(int ranks);
Schedule all_pairs_pull_all_gather(int ranks);
Schedule all_pairs_pull_reduce_scatter(int ranks);
Schedule all_pairs_pull_all_to_all(int ranks);

}  // namespace tutti
