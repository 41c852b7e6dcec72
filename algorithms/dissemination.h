// Dissemination barrier.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule dissemination_barrier(int ranks);

}  // namespace tutti
