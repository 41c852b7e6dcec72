// Two binary trees of units, each with the leaves of the other inside (see
// algorithms/double_tree.cc). Each edge between units is on a rail; a unit has its parent and its
// children on different rails, and the trees are on different halves of the rails, as far as there
// are rails. Within a unit the member at the port to the parent is on top, and the others are below
// it: a binary tree on an NVSwitch, elsewhere the chain that a ring takes through the unit.
//
// Tested by topology_search_test.cc.

#include <algorithm>
#include <array>

#include "topology/search_growing.h"
#include "topology/search_trees.h"

namespace tutti {
namespace {

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

// The place of the member before `place` that is nearest to it, the last of equally near ones: the
// one just before it, but where a way has come back to where it was.
int nearest_before(const UnitShape& shape, const std::vector<int>& order, int place) {
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
    for (const UnitShape& shape : field.shapes) switched_.push_back(on_switch(shape));
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
      const UnitShape& shape = field_.shape(field_.units[unit]);
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
    const UnitShape& shape = field_.shape(field_.units[unit]);
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

std::vector<FoundTree> unit_trees(const Field& field, const Course& course) {
  UnitTrees trees(field, course);
  return shared_out({trees.grow(0), trees.grow(1)}, field);
}

}  // namespace tutti
