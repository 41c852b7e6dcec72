// Rooted trees over ranks, and the steps that move a chunk up or down one.

#pragma once

#include <vector>

#include "schedule/schedule.h"

namespace tutti {

/// A value. Members by rank.
struct Tree {
  std::vector<int> parent;                 // kSelf at the root
  std::vector<std::vector<int>> children;  // in the order in which they are served
  std::vector<int> slot;                   // the parent's scratch chunk for this rank's sum

  explicit Tree(int ranks) : parent(ranks, kSelf), children(ranks), slot(ranks) {}

  bool is_leaf(int rank) const { return children[rank].empty(); }
  /// Makes `child` the next child of `parent`, in its next slot.
  void adopt(int parent, int child);
};

/// The binomial tree: rank root + i hangs below root + (i without its lowest bit). Children are in
/// the order of their subtrees' sizes, largest first.
Tree binomial_tree(int ranks, int root);

/// Adds the children's sums of input(chunk), which come in through scratch, to this rank's own;
/// the total goes to `sum` and to the parent. A leaf that has a parent makes no sum.
void reduce_up(Program& program, const Tree& tree, int rank, int chunk, Chunk sum);

/// Passes output(chunk) from the parent to the children; the root starts with `source`.
void broadcast_down(Program& program, const Tree& tree, int rank, int chunk, Chunk source);

}  // namespace tutti
