// Ring reduce-scatter, all-gather and all-reduce.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule ring_reduce_scatter(int ranks);
Schedule ring_all_gather(int ranks);
Schedule ring_all_reduce(int ranks);

}  // namespace tutti
