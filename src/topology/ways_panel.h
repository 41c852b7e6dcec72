// One ring as a picture of its own, at fixed places. Tested by topology_ways_test.cc.
//
// Rings that share a picture hide each other: a panel each, with members at the same places in all
// of them, shows who is next to whom and which links a ring leaves to the others.

#pragma once

#include <string>

#include "tutti/topology.h"

namespace tutti {

/// Lines of Graphviz, and how large the panel is, in points.
struct Panel {
  std::string text;
  double width = 0;
  double height = 0;
};

/// Ring number `ring`, with its upper left corner at (x, y); y grows downwards.
Panel ring_panel(const FoundWays& ways, int ring, double x, double y);

}  // namespace tutti
