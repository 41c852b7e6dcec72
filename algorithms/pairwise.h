// Pairwise all-to-all.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule pairwise_all_to_all(int ranks);

}  // namespace tutti
