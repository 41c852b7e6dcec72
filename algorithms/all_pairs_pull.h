// One-hop algorithms that read peers' memory, which must be mapped.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule one_shot_pull_all_reduce(const Group& group);
Schedule two_shot_pull_all_reduce(const Group& group);
Schedule all_pairs_pull_all_gather(const Group& group);
Schedule all_pairs_pull_reduce_scatter(const Group& group);
Schedule all_pairs_pull_all_to_all(const Group& group);

}  // namespace tutti
