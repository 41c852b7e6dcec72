// Recursive halving and doubling: all-reduce, all-gather and reduce-scatter in log2 n exchanges.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule recursive_doubling_all_reduce(int ranks);
Schedule halving_doubling_all_reduce(int ranks);
Schedule recursive_doubling_all_gather(int ranks);
Schedule recursive_halving_reduce_scatter(int ranks);

}  // namespace tutti
