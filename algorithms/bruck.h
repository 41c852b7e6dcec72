// Bruck's all-gather and all-to-all: log2 n steps for any number of ranks.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

Schedule bruck_all_gather(int ranks);
Schedule bruck_all_to_all(int ranks);

}  // namespace tutti
