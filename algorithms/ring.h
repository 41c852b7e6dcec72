// Ring reduce-scatter, all-gather, all-reduce, broadcast and reduce.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule ring_reduce_scatter(int ranks);
Schedule ring_all_gather(int ranks);
Schedule ring_all_reduce(int ranks);
Schedule ring_broadcast(int ranks, int root);
Schedule ring_reduce(int ranks, int root);

}  // namespace tutti
