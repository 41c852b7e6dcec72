// What the search works on: who takes part, and the units that they are on. Units that are alike
// have one shape, which is searched once. Tested by topology_search_test.cc.

#pragma once

#include <deque>
#include <vector>

#include "topology/graph.h"
#include "topology/paths.h"
#include "topology/places.h"

namespace tutti {

/// A unit that has members, and which nodes they are. Members of a unit are numbered from 0.
struct UnitShape {
  Graph graph;
  Trails routes;
  std::vector<int> nodes;  // by member; ranks on one processor are on one node
  std::vector<int> ports;  // nodes, by rail

  int network() const { return static_cast<int>(graph.nodes.size()) - 1; }
  const Trail& between(int member, int other) const {
    return routes.at(nodes[member], nodes[other]);
  }
  /// The link from a port to the network, or back.
  int outward(int port) const { return graph.leaving[port].back(); }
  int inward(int port) const { return outward(port) + 1; }
};

struct FieldUnit {
  int shape = 0;
  std::vector<int> hosts;
  std::vector<int> members;  // of the topology, by member of the unit
};

struct Field {
  std::vector<Member> members;   // by rank
  std::vector<FieldUnit> units;  // those with members
  std::deque<UnitShape> shapes;

  const UnitShape& shape(const FieldUnit& unit) const { return shapes[unit.shape]; }
};

Field survey(const Topology& topology);

}  // namespace tutti
