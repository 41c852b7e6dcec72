// Where an NVSwitch joins all members of the only unit: two binary trees, each with the leaves of
// the other inside. Elsewhere within a unit: chains along rings, hung up in the middle, the second
// with its ends where the first has its top. Between units: search_unit_trees.cc.
//
// Tested by topology_search_test.cc.

#include "topology/search_trees.h"

#include <algorithm>

#include "topology/search_growing.h"

namespace tutti {
namespace {

double together(const std::vector<FoundTree>& trees) {
  double sum = 0;
  for (const FoundTree& tree : trees) sum += tree.bandwidth;
  return sum;
}

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

}  // namespace

std::vector<FoundTree> find_trees(const Field& field, const Course& course) {
  if (course.of_unit.empty()) return {};
  if (field.units.size() > 1) return unit_trees(field, course);
  if (on_switch(field.shapes.front())) return switched_trees(field);
  return chained_trees(field, course.pieces.front().segments);
}

}  // namespace tutti
