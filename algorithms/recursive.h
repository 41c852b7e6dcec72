// Recursive halving and doubling: all-reduce, all-gather and reduce-scatter in log2 n exchanges.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule recursive_doubling_all_reduce(const Group& group);
Schedule halving_doubling_all_reduce(const Group& group);
Schedule recursive_doubling_all_gather(const Group& group);
Schedule recursive_halving_reduce_scatter(const Group& group);

}  // namespace tutti
