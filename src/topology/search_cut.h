// What rings through given nodes can carry together at most. Tested by topology_search_test.cc.

#pragma once

#include <vector>

#include "topology/graph.h"

namespace tutti {

/// A ring crosses every cut that parts its members, so that all rings together carry no more than
/// the narrowest cut: the least of the flows from the first node to each other one and back. Links
/// of worse types than `worst` are not used; links to the network are where it is the first node.
/// Infinite where there are no two different nodes.
double narrowest_cut(const Graph& graph, const std::vector<int>& nodes, PathType worst);

}  // namespace tutti
