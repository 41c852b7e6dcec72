// Scans, inclusive and exclusive: along a chain of ranks, and by recursive doubling.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

/// REQUIRES, here and below: first is 0, or ranks - 1 for the reverse order.
Schedule ring_scan(int ranks, int first);
Schedule ring_exclusive_scan(int ranks, int first);
Schedule recursive_doubling_scan(int ranks, int first);
Schedule recursive_doubling_exclusive_scan(int ranks, int first);

}  // namespace tutti
