// Where the parts of a host stand: processors in a row, what is behind them below in rows by depth,
// leaves in the last; every part above the middle of what is behind it.
//
// Tested by topology_draw_test.cc.

#pragma once

#include <vector>

#include "topology/draw_parts.h"

namespace tutti::drawing {

/// The area of the parts.
struct Area {
  double top = 0;
  double last_row = 0;  // its top
  double right = 0;
  double bottom = 0;
};

/// Gives all parts their places, right of and below `corner`. Processors are `gap` apart.
Area place_parts(std::vector<Part>& parts, Spot corner, double gap);

/// Width of a part and all behind it.
double full_width(const Part& part);

}  // namespace tutti::drawing
