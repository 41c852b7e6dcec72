// Groups of members that are near each other. Tested by topology_search_test.cc.

#pragma once

#include <vector>

#include "topology/search_field.h"

namespace tutti {

/// Each coarser than the one before it, but for rails, which lie across the units.
std::vector<FoundLevel> find_levels(const Field& field);

}  // namespace tutti
