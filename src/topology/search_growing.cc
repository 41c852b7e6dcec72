// Tested by topology_search_test.cc.

#include "topology/search_growing.h"

#include <algorithm>

#include "topology/graph_bandwidth.h"

namespace tutti {

Growing new_tree(const Field& field) {
  Growing growing;
  growing.tree.parents.assign(field.members.size(), -1);
  growing.load.most = kLocalBandwidth;
  return growing;
}

void add_route(Growing& growing, const Trail& route, int base, PathType& worst) {
  for (const int link : route.links) growing.load.links.push_back(base + link);
  worst = std::max(worst, route.path.type);
}

void hang_inside(Growing& growing, const Field& field, int unit, int base, int parent, int child) {
  const std::vector<int>& members = field.units[unit].members;
  const UnitShape& shape = field.shape(field.units[unit]);
  growing.tree.parents[members[child]] = members[parent];
  add_route(growing, shape.between(parent, child), base, growing.tree.inside);
  add_route(growing, shape.between(child, parent), base, growing.tree.inside);
  if (shape.nodes[parent] == shape.nodes[child]) growing.load.most = kMemoryBandwidth;
}

std::vector<FoundTree> shared_out(std::vector<Growing> trees, const Field& field) {
  std::vector<Load> loads;
  for (Growing& growing : trees) loads.push_back(std::move(growing.load));
  const std::vector<double> shares = share(loads, capacities_of(field));
  std::vector<FoundTree> found;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    trees[i].tree.bandwidth = shares[i];
    found.push_back(std::move(trees[i].tree));
  }
  return found;
}

bool on_switch(const UnitShape& shape) {
  const std::vector<int> switches = shape.graph.nodes_of(NodeKind::kNvSwitch);
  return !switches.empty() && std::ranges::all_of(shape.nodes, [&](int node) {
    return std::ranges::any_of(shape.graph.leaving[node], [&](int link) {
      return shape.graph.links[link].to == switches.front();
    });
  });
}

int place_in(int tree, int place, int size) {
  if (tree == 0) return place;
  return size % 2 == 0 ? size - 1 - place : (place + 1) % size;
}

}  // namespace tutti
