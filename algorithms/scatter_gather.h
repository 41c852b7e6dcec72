// Broadcast and reduce of large messages in two phases.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule scatter_all_gather_broadcast(int ranks, int root);
Schedule reduce_scatter_gather_reduce(int ranks, int root);
/// Reads mapped memory.
Schedule reduce_scatter_gather_pull_reduce(int ranks, int root);

}  // namespace tutti
