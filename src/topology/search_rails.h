// Levels across units: rails, and the network. Tested by topology_search_test.cc.

#pragma once

#include "topology/search_field.h"

namespace tutti {

/// Members that are nearest to ports of one rail, over all units. No groups where some member has
/// no port, or where there is but one rail.
FoundLevel rail_level(const Field& field);

/// Everybody. No groups where a unit has no port.
FoundLevel network_level(const Field& field);

/// Members of groups ascending, and groups by their first members.
void sort_groups(FoundLevel& level);

}  // namespace tutti
