// Bruck's all-gather and all-to-all: log2 n steps for any number of ranks.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule bruck_all_gather(const Group& group);
Schedule bruck_all_to_all(const Group& group);

}  // namespace tutti
