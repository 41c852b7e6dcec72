// Pairwise all-to-all.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule pairwise_all_to_all(const Group& group);

}  // namespace tutti
