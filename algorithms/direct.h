// One hop between the root and everybody, and between two.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule direct_broadcast(int ranks, int root);
Schedule direct_reduce(int ranks, int root);
Schedule direct_gather(int ranks, int root);
Schedule direct_scatter(int ranks, int root);
/// REQUIRES: ranks == 2.
Schedule direct_send_recv(const Group& group);

}  // namespace tutti
