// The best ways through a graph: of the best type that there is, and among those the widest, and
// among those the shortest.
//
// Types are NCCL's, which keeps three rules: nothing goes through a GPU but NVLinks to another GPU
// (NVB) and what a GPU nearer to a port passes on (PXN), nothing goes through a port, and a way is
// as bad as its worst link. Tested by topology_paths_test.cc.

#pragma once

#include <vector>

#include "topology/graph.h"

namespace tutti {

struct Trail {
  Path path;
  std::vector<int> links;  // of the graph, in order
};

/// Ways between the GPUs, processors and ports of a graph, and from ports to the network.
class Trails {
 public:
  explicit Trails(const Graph& graph);

  /// The way between two nodes; of type kNone where there is none.
  const Trail& at(int from, int to) const { return routes_[from][to]; }

 private:
  void add_nv_hops(const Graph& graph);
  void mark_coherent(const Graph& graph);
  void add_relays(const Graph& graph);

  std::vector<std::vector<Trail>> routes_;  // by node and node; empty rows for switches
};

/// Whether `a` is a better way than `b`.
bool better(const Path& a, const Path& b);

/// One after the other. The caller says of which type that is.
Trail after(const Trail& first, const Trail& second, PathType type);

}  // namespace tutti
