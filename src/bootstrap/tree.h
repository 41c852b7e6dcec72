// An all-gather of bytes over a tree of TCP connections.
//
// Rank r's parent is (r - 1) / 4. What ranks give travels up entry by entry, so that rank 0 knows
// at any time who has not come; what all gave travels down as one frame. For n ranks and a result
// of S bytes a rank holds at most five connections, sends 4 S, and waits for 2 log4(n) hops.
//
// Ranks near the top give up a little before the deadline and tell those below, so that everyone
// names the rank that is missing, not the neighbour that waits for it. After a failure the tree is
// of no more use: every later call answers the same. Tested by bootstrap_test.cc.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bootstrap/link.h"

namespace tutti {

int tree_parent(int rank);                            // REQUIRES: rank > 0
std::vector<int> tree_children(int rank, int ranks);  // ascending
std::vector<int> tree_below(int rank, int ranks);     // the rank itself and all below, ascending
int tree_depth(int rank);                             // 0 for rank 0

struct Child {
  int rank;
  Link link;
};

/// `parent` is empty for rank 0; `children` are those of tree_children().
std::unique_ptr<Bootstrap> make_tree_bootstrap(int rank, int ranks, std::optional<Link> parent,
                                               std::vector<Child> children);

}  // namespace tutti
