// Binomial-tree broadcast, reduce, all-reduce, gather and scatter.
//
// Rank root + i hangs below root + (i without its lowest set bit), so that the number of ranks
// reached doubles with every step. Whole buffers travel in broadcast and reduce; in gather and
// scatter a rank passes on the chunks of its subtree, which are those of the ranks root + i … .
//
//                steps            chunks sent, at most   scratch chunks
//   broadcast    log2 n           log2 n                 0
//   reduce       log2 n           1                      log2 n
//   all-reduce   2 log2 n         log2 n                 log2 n
//   gather       log2 n           n/2                    n/2 - 1
//   scatter      log2 n           n - 1                  n/2 - 1
//
// For powers of two; otherwise steps and scratch of the first three are at most those with the
// logarithm rounded up.
// Least steps of all for small messages: Thakur, Rabenseifner and Gropp, IJHPCA 19 (2005).
// Tested by binomial_test.cc.

#include "algorithms/binomial.h"

#include <algorithm>
#include <bit>

#include "algorithms/peers.h"
#include "algorithms/tree.h"

namespace tutti {
namespace {

int log2_ceil(int n) { return std::bit_width(static_cast<unsigned>(n - 1)); }

// How many ranks hang below and at the one that is `place` after the root.
int subtree(int place, int ranks) {
  return place == 0 ? ranks : std::min(place & -place, ranks - place);
}

// The child of `place` whose subtree holds `other`.
int child_towards(int place, int other) {
  return place + static_cast<int>(std::bit_floor(static_cast<unsigned>(other - place)));
}

// Where a rank other than the root keeps the chunk of the rank at `place` below it.
Chunk held(int holder, int place) { return scratch(place - holder - 1); }

// The most chunks that a rank other than the root keeps.
int most_held(int ranks) {
  int most = 0;
  for (int place = 1; place < ranks; ++place) most = std::max(most, subtree(place, ranks) - 1);
  return most;
}

}  // namespace

Schedule binomial_broadcast(int ranks, int root) {
  Schedule schedule(Collective::kBroadcast, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  const Tree tree = binomial_tree(ranks, root);
  for (int rank = 0; rank < ranks; ++rank) {
    broadcast_down(schedule.at(rank), tree, rank, 0, input(0));
  }
  schedule.at(root).copy(input(0), output(0));
  return schedule;
}

Schedule binomial_reduce(int ranks, int root) {
  Schedule schedule(Collective::kReduce, ranks, /*chunks=*/1, log2_ceil(ranks), root);
  const Tree tree = binomial_tree(ranks, root);
  for (int rank = 0; rank < ranks; ++rank) {
    reduce_up(schedule.at(rank), tree, rank, 0, rank == root ? output(0) : scratch(0));
  }
  return schedule;
}

Schedule binomial_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/1, log2_ceil(ranks));
  const Tree tree = binomial_tree(ranks, /*root=*/0);
  for (const int rank : group.wanted_ranks()) {
    reduce_up(schedule.at(rank), tree, rank, 0, output(0));
    broadcast_down(schedule.at(rank), tree, rank, 0, output(0));
  }
  return schedule;
}

Schedule binomial_gather(int ranks, int root) {
  Schedule schedule(Collective::kGather, ranks, /*chunks=*/1, most_held(ranks), root);
  const auto rank_at = [=](int place) { return mod(root + place, ranks); };
  for (int place = 0; place < ranks; ++place) {
    Program& program = schedule.at(rank_at(place));
    const int parent = place - (place & -place);
    // The rank's own chunk, then those below it as they come: smallest subtree first.
    for (int other = place; other < place + subtree(place, ranks); ++other) {
      const Chunk source = other == place ? input(0) : held(place, other);
      if (other != place) program.wait(rank_at(child_towards(place, other)));
      if (place == 0) continue;
      program.put(source, rank_at(parent),
                  parent == 0 ? output(rank_at(other)) : held(parent, other));
    }
  }
  schedule.at(root).copy(input(0), output(root));
  return schedule;
}

Schedule binomial_scatter(int ranks, int root) {
  Schedule schedule(Collective::kScatter, ranks, /*chunks=*/1, most_held(ranks), root);
  const auto rank_at = [=](int place) { return mod(root + place, ranks); };
  for (int place = 0; place < ranks; ++place) {
    Program& program = schedule.at(rank_at(place));
    // Last rank first: the largest subtree has the longest way to go.
    for (int other = place + subtree(place, ranks) - 1; other >= place; --other) {
      if (place != 0) program.wait(rank_at(place - (place & -place)));
      if (other == place) continue;
      const int child = child_towards(place, other);
      program.put(place == 0 ? input(rank_at(other)) : held(place, other), rank_at(child),
                  child == other ? output(0) : held(child, other));
    }
  }
  schedule.at(root).copy(input(root), output(0));
  return schedule;
}

}  // namespace tutti
