// Broadcast, reduce and all-reduce over two binary trees at once, half of the buffer each.
//
// A rank that is inside one tree is a leaf of the other, so that over both trees every rank
// receives and sends about one buffer: the bandwidth of a ring at the depth of a tree. It shows
// only when blocks follow each other down the trees, which is the executor's part.
//
//                steps               chunks sent, at most   scratch chunks
//   broadcast    log2 n              2                      0
//   reduce       log2 n              2                      2
//   all-reduce   2 log2 n            4                      2
//
// Of two chunks. Steps as written for powers of two, and one more at most with the logarithm
// rounded up for others. Sanders, Speck and Traeff, "Two-tree algorithms for full bandwidth
// broadcast, reduction and scan", Parallel Computing 35 (2009). Tested by double_tree_test.cc.

#include "algorithms/double_tree.h"

#include <array>
#include <bit>

#include "algorithms/peers.h"
#include "algorithms/tree.h"

namespace tutti {
namespace {

using Trees = std::array<Tree, 2>;

// Hangs order[first …], `size` of them, below `parent` (nowhere for kSelf) as a binary tree that
// visits them in order. Its leaves are then those at even places of `order`.
void hang(Tree& tree, const std::vector<int>& order, int first, int size, int parent) {
  if (size == 0) return;
  const int half = static_cast<int>(std::bit_floor(static_cast<unsigned>(size)));
  const int top = order[first + half - 1];
  if (parent != kSelf) tree.adopt(parent, top);
  hang(tree, order, first, half - 1, top);
  hang(tree, order, first + half, size - half, top);
}

// The members at even places of the first order are at odd places of the second, but for one when
// their number is odd.
std::array<std::vector<int>, 2> two_orders(const std::vector<int>& members) {
  std::vector<int> second(members.rbegin(), members.rend());
  if (members.size() % 2 == 1) {
    second.assign(members.begin() + 1, members.end());
    second.push_back(members.front());
  }
  return {members, second};
}

std::vector<int> consecutive(int first, int size, int ranks) {
  std::vector<int> members;
  for (int i = 0; i < size; ++i) members.push_back(mod(first + i, ranks));
  return members;
}

// Two trees over everybody, each with its own root.
Trees free_trees(int ranks) {
  Trees trees{Tree(ranks), Tree(ranks)};
  const auto orders = two_orders(consecutive(0, ranks, ranks));
  for (int t : {0, 1}) hang(trees[t], orders[t], 0, ranks, kSelf);
  return trees;
}

// Two trees over everybody else, each with its top below `root`.
Trees rooted_trees(int ranks, int root) {
  Trees trees{Tree(ranks), Tree(ranks)};
  const auto orders = two_orders(consecutive(root + 1, ranks - 1, ranks));
  for (int t : {0, 1}) {
    hang(trees[t], orders[t], 0, ranks - 1, root);
    // The root has a child in each tree; keep their sums apart.
    for (const int top : trees[t].children[root]) trees[t].slot[top] = t;
  }
  return trees;
}

// Leaves first: their puts wait for nobody.
void reduce_steps(Program& program, const Trees& trees, int rank, std::array<Chunk, 2> sums) {
  for (const bool leaf : {true, false}) {
    for (int t : {0, 1}) {
      if (trees[t].is_leaf(rank) == leaf) reduce_up(program, trees[t], rank, t, sums[t]);
    }
  }
}

// Leaves last: nobody waits for them.
void broadcast_steps(Program& program, const Trees& trees, int rank, std::array<Chunk, 2> sources) {
  for (const bool leaf : {false, true}) {
    for (int t : {0, 1}) {
      if (trees[t].is_leaf(rank) == leaf) broadcast_down(program, trees[t], rank, t, sources[t]);
    }
  }
}

}  // namespace

Schedule double_tree_broadcast(int ranks, int root) {
  Schedule schedule(Collective::kBroadcast, ranks, /*chunks=*/2, /*scratch_chunks=*/0, root);
  const Trees trees = rooted_trees(ranks, root);
  for (int rank = 0; rank < ranks; ++rank) {
    broadcast_steps(schedule.at(rank), trees, rank, {input(0), input(1)});
  }
  for (int t : {0, 1}) schedule.at(root).copy(input(t), output(t));
  return schedule;
}

Schedule double_tree_reduce(int ranks, int root) {
  Schedule schedule(Collective::kReduce, ranks, /*chunks=*/2, /*scratch_chunks=*/2, root);
  const Trees trees = rooted_trees(ranks, root);
  for (int rank = 0; rank < ranks; ++rank) {
    // Elsewhere the sum replaces that of the first child; only one tree makes one.
    reduce_steps(
        schedule.at(rank), trees, rank,
        rank == root ? std::array{output(0), output(1)} : std::array{scratch(0), scratch(0)});
  }
  return schedule;
}

Schedule double_tree_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/2, /*scratch_chunks=*/2);
  const Trees trees = free_trees(ranks);
  for (const int rank : group.wanted_ranks()) {
    reduce_steps(schedule.at(rank), trees, rank, {output(0), output(1)});
    broadcast_steps(schedule.at(rank), trees, rank, {output(0), output(1)});
  }
  return schedule;
}

}  // namespace tutti
