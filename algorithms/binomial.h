// Binomial-tree broadcast, reduce, all-reduce, gather and scatter.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule binomial_broadcast(int ranks, int root);
Schedule binomial_reduce(int ranks, int root);
Schedule binomial_all_reduce(const Group& group);
Schedule binomial_gather(int ranks, int root);
Schedule binomial_scatter(int ranks, int root);

}  // namespace tutti
