// One hop between the root and everybody, and between two, by reading mapped memory.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule direct_pull_broadcast(int ranks, int root);
Schedule direct_pull_reduce(int ranks, int root);
Schedule direct_pull_gather(int ranks, int root);
Schedule direct_pull_scatter(int ranks, int root);
/// REQUIRES: ranks == 2.
Schedule direct_pull_send_recv(const Group& group);

}  // namespace tutti
