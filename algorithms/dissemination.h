// Dissemination barrier.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

Schedule dissemination_barrier(const Group& group);

}  // namespace tutti
