// Where an NVSwitch joins all members of the only unit: two binary trees, each with the leaves of
// the other inside. Elsewhere within a unit: chains along rings, hung up in the middle, the second
// with its ends where the first has its top.
//
// Between units: two binary trees of units, in the same way (see algorithms/double_tree.cc). Each
// edge between units is on a rail; a unit has its parent and its children on different rails, and
// the trees are on different halves of the rails, as far as there are rails. Within a unit the
// member at the port to the parent is on top, and the others are below it: a binary tree on an
// NVSwitch, elsewhere the chain that a ring takes through the unit.
//
// Tested by topology_search_test.cc.

#include "topology/search_trees.h"

#include <algorithm>
#include <array>
#include <bit>

#include "topology/graph_bandwidth.h"
#include "topology/search_share.h"

namespace tutti {
namespace {

// A tree that is being made, and the links that it loads, both ways.
struct Growing {
  FoundTree tree;
  Load load;
};

// Of all links, where those of each unit begin.
std::vector<int> bases_of(const Field& field) {
  std::vector<int> bases;
  int before = 0;
  for (const FieldUnit& unit : field.units) {
    bases.push_back(before);
    before += static_cast<int>(field.shape(unit).graph.links.size());
  }
  return bases;
}

bool on_switch(const Shape& shape) {
  const std::vector<int> switches = shape.graph.nodes_of(NodeKind::kNvSwitch);
  return !switches.empty() && std::ranges::all_of(shape.nodes, [&](int node) {
    return std::ranges::any_of(shape.graph.leaving[node], [&](int link) {
      return shape.graph.links[link].to == switches.front();
    });
  });
}

Growing new_tree(const Field& field) {
  Growing growing;
  growing.tree.parents.assign(field.members.size(), -1);
  growing.load.most = kLocalBandwidth;
  return growing;
}

void add_route(Growing& growing, const Route& route, int base, PathType& worst) {
  for (const int link : route.links) growing.load.links.push_back(base + link);
  worst = std::max(worst, route.path.type);
}

// `parent` and `child` are members of the unit.
void hang_inside(Growing& growing, const Field& field, int unit, int base, int parent, int child) {
  const std::vector<int>& members = field.units[unit].members;
  const Shape& shape = field.shape(field.units[unit]);
  growing.tree.parents[members[child]] = members[parent];
  add_route(growing, shape.between(parent, child), base, growing.tree.inside);
  add_route(growing, shape.between(child, parent), base, growing.tree.inside);
  if (shape.nodes[parent] == shape.nodes[child]) growing.load.most = kMemoryBandwidth;
}

// A binary tree that visits [first, first + size) in order, so that its leaves are at even places.
// `visit` gets parent and child; the parent of the top is `parent`.
template <class Visit>
void hang_in_order(int first, int size, int parent, const Visit& visit) {
  if (size == 0) return;
  const int half = static_cast<int>(std::bit_floor(static_cast<unsigned>(size)));
  const int top = first + half - 1;
  visit(parent, top, parent < 0 || top < parent);
  hang_in_order(first, half - 1, top, visit);
  hang_in_order(first + half, size - half, top, visit);
}

// Two orders of which each has at odd places what the other has at even ones; but for one when the
// number is odd.
int place_in(int tree, int place, int size) {
  if (tree == 0) return place;
  return size % 2 == 0 ? size - 1 - place : (place + 1) % size;
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

double together(const std::vector<FoundTree>& trees) {
  double sum = 0;
  for (const FoundTree& tree : trees) sum += tree.bandwidth;
  return sum;
}

// ---- one unit

std::vector<FoundTree> switched_trees(const Field& field) {
  const int members = static_cast<int>(field.members.size());
  std::vector<Growing> trees;
  for (const int tree : {0, 1}) {
    Growing& growing = trees.emplace_back(new_tree(field));
    hang_in_order(0, members, -1, [&](int parent, int child, bool) {
      if (parent < 0) return;
      hang_inside(growing, field, 0, 0, place_in(tree, parent, members),
                  place_in(tree, child, members));
    });
  }
  return shared_out(std::move(trees), field);
}

// The ring opened before place `from`, and held in its middle.
Growing chain(const Field& field, const std::vector<int>& order, int from) {
  Growing growing = new_tree(field);
  const int members = static_cast<int>(order.size());
  const auto at = [&](int place) { return order[(from + place) % members]; };
  const int top = members / 2;
  for (int place = top; place > 0; --place) {
    hang_inside(growing, field, 0, 0, at(place), at(place - 1));
  }
  for (int place = top; place + 1 < members; ++place) {
    hang_inside(growing, field, 0, 0, at(place), at(place + 1));
  }
  return growing;
}

// The first ring, and whichever goes with it best.
std::vector<FoundTree> chained_trees(const Field& field, const std::vector<Segment>& rings) {
  const int members = static_cast<int>(field.members.size());
  const std::vector<int>& first = rings.front().order;
  const int top = first[members / 2];
  std::vector<FoundTree> best;
  for (const Segment& ring : rings) {
    const int opened = static_cast<int>(std::ranges::find(ring.order, top) - ring.order.begin());
    std::vector<FoundTree> trees =
        shared_out({chain(field, first, 0), chain(field, ring.order, opened)}, field);
    if (best.empty() || together(trees) > together(best) + 1e-9) best = std::move(trees);
  }
  return best;
}

// ---- several units

// The place of the member before `place` that is nearest to it, the last of equally near ones: the
// one just before it, but where a way has come back to where it was.
int nearest_before(const Shape& shape, const std::vector<int>& order, int place) {
  int nearest = place - 1;
  const auto type = [&](int at) { return shape.between(order[at], order[place]).path.type; };
  for (int at = place - 1; at >= 0; --at) {
    if (type(at) < type(nearest)) nearest = at;
  }
  return nearest;
}

class UnitTrees {
 public:
  UnitTrees(const Field& field, const Course& course)
      : field_(field), course_(course), bases_(bases_of(field)) {
    for (const Shape& shape : field.shapes) switched_.push_back(on_switch(shape));
    for (const Pieces& pieces : course.pieces) by_rail_.push_back(by_rail(pieces));
  }

  Growing grow(int tree) {
    Growing growing = new_tree(field_);
    const int units = static_cast<int>(field_.units.size());
    const int rails = static_cast<int>(by_rail_.front().size());
    const int half = std::max(1, rails / 2);
    const auto rail_of = [&](int of_tree) { return of_tree % half + tree * (rails - half); };
    std::vector<int> up(units, 0);  // by unit: the rail to its parent, of this tree's
    hang_in_order(0, units, -1, [&](int parent, int child, bool left) {
      const int unit = place_in(tree, child, units);
      const int above = parent < 0 ? -1 : place_in(tree, parent, units);
      if (above >= 0) up[unit] = (up[above] + (left ? 1 : 2)) % half;
      const int rail = rail_of(up[unit]);
      if (above >= 0) join(growing, above, unit, rail);
      fill(growing, unit, {rail, rail_of(up[unit] + 1), rail_of(up[unit] + 2)});
    });
    return growing;
  }

 private:
  // Rings by the port that they come in by: rails in order.
  std::vector<int> by_rail(const Pieces& pieces) const {
    const std::vector<int>& ports = field_.shapes[pieces.shape].ports;
    std::vector<int> rings(pieces.lanes.size());
    for (std::size_t ring = 0; ring < rings.size(); ++ring) rings[ring] = static_cast<int>(ring);
    std::ranges::stable_sort(rings, {}, [&](int ring) {
      return std::ranges::find(ports, pieces.lanes[ring].enter) - ports.begin();
    });
    return rings;
  }

  struct Door {
    int port = 0;                  // node
    const Segment* way = nullptr;  // from the port through the unit
  };

  Door door(int unit, int rail) const {
    const Pieces& pieces = course_.pieces[course_.of_unit[unit]];
    const int ring = by_rail_[course_.of_unit[unit]][rail];
    return {pieces.lanes[ring].enter, &pieces.segments[ring]};
  }

  // The members at the doors of both units on a rail.
  void join(Growing& growing, int parent, int child, int rail) const {
    const auto member_at = [&](int unit) {
      return field_.units[unit].members[door(unit, rail).way->order.front()];
    };
    growing.tree.parents[member_at(child)] = member_at(parent);
    for (const int unit : {parent, child}) {
      const Shape& shape = field_.shape(field_.units[unit]);
      const Door at = door(unit, rail);
      const int node = shape.nodes[at.way->order.front()];
      add_route(growing, shape.routes.at(at.port, node), bases_[unit], growing.tree.between);
      add_route(growing, shape.routes.at(node, at.port), bases_[unit], growing.tree.between);
      growing.load.links.push_back(bases_[unit] + shape.inward(at.port));
      growing.load.links.push_back(bases_[unit] + shape.outward(at.port));
    }
  }

  // All members below the one at the door to the parent. `rails`: to the parent and the children.
  void fill(Growing& growing, int unit, const std::array<int, 3>& rails) const {
    const Shape& shape = field_.shape(field_.units[unit]);
    const bool binary = switched_[field_.units[unit].shape];
    const std::vector<int> order =
        binary ? doors_first(unit, rails) : door(unit, rails[0]).way->order;
    for (int place = 1; place < static_cast<int>(order.size()); ++place) {
      const int parent = binary ? (place - 1) / 2 : nearest_before(shape, order, place);
      hang_inside(growing, field_, unit, bases_[unit], order[parent], order[place]);
    }
  }

  // So that what comes from a child has one step to the top.
  std::vector<int> doors_first(int unit, const std::array<int, 3>& rails) const {
    std::vector<int> order;
    const auto append = [&](int member) {
      if (std::ranges::find(order, member) == order.end()) order.push_back(member);
    };
    for (const int rail : rails) append(door(unit, rail).way->order.front());
    for (const int member : door(unit, rails[0]).way->order) append(member);
    return order;
  }

  const Field& field_;
  const Course& course_;
  std::vector<int> bases_;
  std::vector<bool> switched_;             // by shape
  std::vector<std::vector<int>> by_rail_;  // by pieces
};

}  // namespace

std::vector<FoundTree> find_trees(const Field& field, const Course& course) {
  if (course.of_unit.empty()) return {};
  if (field.units.size() > 1) {
    UnitTrees trees(field, course);
    return shared_out({trees.grow(0), trees.grow(1)}, field);
  }
  if (on_switch(field.shapes.front())) return switched_trees(field);
  return chained_trees(field, course.pieces.front().segments);
}

}  // namespace tutti
