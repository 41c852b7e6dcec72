// Ring reduce-scatter, all-gather, all-reduce, broadcast and reduce.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule ring_reduce_scatter(const Group& group);
Schedule ring_all_gather(const Group& group);
Schedule ring_all_reduce(const Group& group);
Schedule ring_broadcast(int ranks, int root);
Schedule ring_reduce(int ranks, int root);

}  // namespace tutti
