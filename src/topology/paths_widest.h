// The widest ways from one node. Tested by topology_paths_test.cc.

#pragma once

#include <vector>

#include "topology/paths.h"

namespace tutti {

/// By node: the best way to it from `source` that passes no GPU and no port.
std::vector<Trail> best_from(const Graph& graph, int source);

}  // namespace tutti
