// Broadcast, reduce and all-reduce over two binary trees at once, half of the buffer each.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule double_tree_broadcast(int ranks, int root);
Schedule double_tree_reduce(int ranks, int root);
Schedule double_tree_all_reduce(const Group& group);

}  // namespace tutti
