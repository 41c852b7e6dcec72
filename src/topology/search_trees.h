// Two trees over all members, along links that rings were found on. Tested by
// topology_search_test.cc.

#pragma once

#include <vector>

#include "topology/search_course.h"

namespace tutti {

/// Two, or none where there is no ring.
std::vector<FoundTree> find_trees(const Field& field, const Course& course);

/// Those of several units. REQUIRES: there is a ring.
std::vector<FoundTree> unit_trees(const Field& field, const Course& course);

}  // namespace tutti
