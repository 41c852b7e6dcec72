// Flows along shortest ways that are not full yet (Edmonds and Karp). Tested by
// topology_search_test.cc.

#include "topology/search_cut.h"

#include <algorithm>
#include <limits>

namespace tutti {
namespace {

constexpr double kFull = 1e-9;  // GB/s

class Flow {
 public:
  Flow(const Graph& graph, PathType worst, bool network)
      : graph_(graph), left_(graph.links.size(), 0) {
    for (std::size_t link = 0; link < left_.size(); ++link) {
      const PathType type = graph.links[link].type;
      const bool usable = type <= worst || (network && type == PathType::kNet);
      if (usable) left_[link] = graph.links[link].capacity;
    }
  }

  double most(int from, int to) {
    double flow = 0;
    while (find(from, to)) flow += push(from, to);
    return flow;
  }

 private:
  // Links are made in pairs, there and back: a flow leaves room on the other one.
  static int back(int link) { return link ^ 1; }

  bool find(int from, int to) {
    by_.assign(graph_.nodes.size(), -1);
    std::vector<int> reached = {from};
    for (std::size_t next = 0; next < reached.size() && by_[to] < 0; ++next) {
      for (const int link : graph_.leaving[reached[next]]) {
        const int node = graph_.links[link].to;
        if (left_[link] <= kFull || by_[node] >= 0 || node == from) continue;
        by_[node] = link;
        reached.push_back(node);
      }
    }
    return by_[to] >= 0;
  }

  double push(int from, int to) {
    double room = std::numeric_limits<double>::infinity();
    for (int at = to; at != from; at = graph_.links[by_[at]].from) {
      room = std::min(room, left_[by_[at]]);
    }
    for (int at = to; at != from; at = graph_.links[by_[at]].from) {
      left_[by_[at]] -= room;
      left_[back(by_[at])] += room;
    }
    return room;
  }

  const Graph& graph_;
  std::vector<double> left_;
  std::vector<int> by_;  // by node: the link that it was reached by
};

}  // namespace

double narrowest_cut(const Graph& graph, const std::vector<int>& nodes, PathType worst) {
  double narrowest = std::numeric_limits<double>::infinity();
  for (const int node : nodes) {
    if (node == nodes.front()) continue;
    const bool network = graph.nodes[nodes.front()].kind == NodeKind::kNetwork;
    narrowest = std::min({narrowest, Flow(graph, worst, network).most(nodes.front(), node),
                          Flow(graph, worst, network).most(node, nodes.front())});
  }
  return narrowest;
}

}  // namespace tutti
