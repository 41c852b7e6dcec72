// Who takes part. Tested by topology_search_test.cc.

#pragma once

#include <vector>

#include "topology/places.h"

namespace tutti {

/// A member, and where it is.
struct SpottedMember {
  Member member;
  int unit = 0;
  int node = 0;
};

/// Hosts as units, and all who take part, by rank.
struct Company {
  std::vector<Unit> units;
  std::vector<SpottedMember> members;
};

Company gather(const Topology& topology);

}  // namespace tutti
