// One host's part of a graph. Tested by topology_paths_test.cc.

#pragma once

#include "topology/graph.h"

namespace tutti {

/// Adds a host as number `host`. `nvswitch`: the node of the NVSwitches, -1 before there is one.
///
/// A PCI bridge with one device behind it joins nothing and is left out: the ports of a switch,
/// which some dumps list, do not make a path longer.
void add_host(Graph& graph, const TopologyHost& topology_host, int host, int& nvswitch);

}  // namespace tutti
