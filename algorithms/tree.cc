// Trees and the steps along them. Tested by binomial_test.cc and double_tree_test.cc.

#include "algorithms/tree.h"

#include <bit>

#include "algorithms/peers.h"

namespace tutti {

void Tree::adopt(int new_parent, int child) {
  parent[child] = new_parent;
  slot[child] = static_cast<int>(children[new_parent].size());
  children[new_parent].push_back(child);
}

Tree binomial_tree(int ranks, int root) {
  Tree tree(ranks);
  const int top = static_cast<int>(std::bit_ceil(static_cast<unsigned>(ranks))) / 2;
  for (int bit = top; bit > 0; bit /= 2) {
    for (int parent = 0; parent + bit < ranks; parent += 2 * bit) {
      tree.adopt(mod(root + parent, ranks), mod(root + parent + bit, ranks));
    }
  }
  return tree;
}

void reduce_up(Program& program, const Tree& tree, int rank, int chunk, Chunk sum) {
  Chunk total = input(chunk);
  if (!tree.is_leaf(rank)) {
    std::vector<Chunk> sources{total};
    for (const int child : tree.children[rank]) {
      program.wait(child);
      sources.push_back(scratch(tree.slot[child]));
    }
    program.reduce(sources, sum);
    total = sum;
  }
  if (tree.parent[rank] != kSelf) {
    program.put(total, tree.parent[rank], scratch(tree.slot[rank]));
  } else if (tree.is_leaf(rank)) {
    program.copy(total, sum);
  }
}

void broadcast_down(Program& program, const Tree& tree, int rank, int chunk, Chunk source) {
  const bool is_root = tree.parent[rank] == kSelf;
  if (!is_root) program.wait(tree.parent[rank]);
  for (const int child : tree.children[rank]) {
    program.put(is_root ? source : output(chunk), child, output(chunk));
  }
}

}  // namespace tutti
