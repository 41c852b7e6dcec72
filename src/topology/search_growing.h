// Trees that are being made, and what they load. Tested by topology_search_test.cc.

#pragma once

#include <bit>
#include <vector>

#include "topology/search_course.h"
#include "topology/search_share.h"

namespace tutti {

/// A tree, and the links that it loads, both ways.
struct Growing {
  FoundTree tree;
  Load load;
};

Growing new_tree(const Field& field);

/// Loads a way in a unit whose links begin at `base`.
void add_route(Growing& growing, const Trail& route, int base, PathType& worst);

/// `parent` and `child` are members of the unit.
void hang_inside(Growing& growing, const Field& field, int unit, int base, int parent, int child);

/// What each of the trees carries beside the others.
std::vector<FoundTree> shared_out(std::vector<Growing> trees, const Field& field);

/// Whether an NVSwitch joins all members.
bool on_switch(const UnitShape& shape);

/// A binary tree that visits [first, first + size) in order, so that its leaves are at even places
/// of it. Calls visit(parent, child, whether it is the left one), parents first; `parent` is that
/// of the top.
template <class Visit>
void hang_in_order(int first, int size, int parent, const Visit& visit) {
  if (size == 0) return;
  const int half = static_cast<int>(std::bit_floor(static_cast<unsigned>(size)));
  const int top = first + half - 1;
  visit(parent, top, parent < 0 || top < parent);
  hang_in_order(first, half - 1, top, visit);
  hang_in_order(first + half, size - half, top, visit);
}

/// Two orders of which each has at odd places what the other has at even ones; but for one when the
/// number is odd.
int place_in(int tree, int place, int size);

}  // namespace tutti
