// GPUs, processors and ports of a topology, and which nodes of a graph they are.
//
// Tested by topology_paths_test.cc.

#pragma once

#include <vector>

#include "topology/graph.h"

namespace tutti {

/// A place, and where it is.
struct Spotted {
  Place place;
  int unit = 0;
  int node = 0;  // of the graph of its unit
};

/// All of a kind: hosts in order, by device on each. Labels name the host where there are several.
std::vector<Spotted> spot(const Topology& topology, const std::vector<Unit>& units, PlaceKind kind);

}  // namespace tutti
