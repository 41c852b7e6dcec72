// Broadcast, reduce and all-reduce over two binary trees at once, half of the buffer each.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule double_tree_broadcast(int ranks, int root);
Schedule double_tree_reduce(int ranks, int root);
Schedule double_tree_all_reduce(int ranks);

}  // namespace tutti
