// Ways through all members of one unit, side by side: rings, or pieces of rings that come in by one
// port and go out by another. Tested by topology_search_test.cc.

#pragma once

#include <vector>

#include "topology/search_field.h"

namespace tutti {

/// The ports (nodes) of a way, and -1 for a ring that needs none.
struct Lane {
  int enter = -1;
  int leave = -1;
};

struct LaneLimits {
  PathType inside = PathType::kSys;  // the worst between members
  PathType port = PathType::kSys;    // the worst to a port
  double speed = 0;                  // GB/s that each way is to carry
};

/// A way that was found: members in order, and all links that it loads.
struct Segment {
  std::vector<int> order;
  std::vector<int> links;
  PathType inside = PathType::kLocal;
  PathType port = PathType::kLocal;
};

struct Segments {
  std::vector<Segment> found;  // of the first lanes, in order; of all where it went well
  int steps = 0;
  bool ended = false;  // by the limit of steps: there may be more
};

/// Backtracking over all lanes, nearest first, and among equally near ones where most is left.
Segments find_segments(const UnitShape& shape, const std::vector<Lane>& lanes,
                       const LaneLimits& limits, int most_steps);

/// A way in the order of members, whatever the links carry: what there is when nothing was found.
/// False where members or ports have no way between them.
bool plain_segment(const UnitShape& shape, const Lane& lane, Segment& segment);

}  // namespace tutti
