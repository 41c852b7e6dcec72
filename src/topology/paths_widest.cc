// A way of a better type is better however narrow. So types are taken one after the other, best
// first: what the links of the types so far reach is settled before worse ones are looked at.
// Within a type, a widest-path search (Dijkstra's with the narrowest link for the length), then
// breadth-first ones for the fewest links at that width.
//
// Tested by topology_paths_test.cc.

#include "topology/paths_widest.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "topology/graph_bandwidth.h"

namespace tutti {
namespace {

bool passes(NodeKind kind) {
  switch (kind) {
    case NodeKind::kGpu:
    case NodeKind::kPort:
    case NodeKind::kNetwork:
      return false;
    case NodeKind::kCpu:
    case NodeKind::kPciSwitch:
    case NodeKind::kAdapter:
    case NodeKind::kPackage:
    case NodeKind::kNvSwitch:
      return true;
  }
  return false;
}

class FromSource {
 public:
  FromSource(const Graph& graph, int source) : graph_(graph), source_(source) {}

  std::vector<Trail> routes() {
    routes_.resize(graph_.nodes.size());
    routes_[source_].path = {PathType::kLocal, kLocalBandwidth, 0};
    for (const PathType type : types()) settle(type);
    return std::move(routes_);
  }

 private:
  std::set<PathType> types() const {
    std::set<PathType> types;
    for (const GraphLink& link : graph_.links) types.insert(link.type);
    types.erase(PathType::kNet);
    return types;
  }

  void settle(PathType worst) {
    const std::vector<double> widths = widest(worst);
    std::map<double, std::vector<int>> by_width;
    for (int node = 0; node < static_cast<int>(widths.size()); ++node) {
      if (widths[node] > 0 && routes_[node].path.type == PathType::kNone) {
        by_width[widths[node]].push_back(node);
      }
    }
    for (const auto& [width, nodes] : by_width) shortest(worst, width, nodes);
  }

  bool leads_on(int node) const { return node == source_ || passes(graph_.nodes[node].kind); }

  // By node: the width of the widest way to it; 0 for none.
  std::vector<double> widest(PathType worst) const {
    std::vector<double> widths(graph_.nodes.size(), 0);
    std::priority_queue<std::pair<double, int>> open;
    widths[source_] = kLocalBandwidth;
    open.emplace(kLocalBandwidth, source_);
    while (!open.empty()) {
      const auto [width, node] = open.top();
      open.pop();
      if (width < widths[node] || !leads_on(node)) continue;
      for (const int number : graph_.leaving[node]) {
        const GraphLink& link = graph_.links[number];
        const double through = std::min(width, link.capacity);
        if (link.type > worst || through <= widths[link.to]) continue;
        widths[link.to] = through;
        open.emplace(through, link.to);
      }
    }
    return widths;
  }

  void shortest(PathType worst, double width, const std::vector<int>& nodes) {
    std::vector<int> by(graph_.nodes.size(), -1);  // the link that a node was reached by
    std::vector<int> reached = {source_};
    for (std::size_t next = 0; next < reached.size(); ++next) {
      if (!leads_on(reached[next])) continue;
      for (const int number : graph_.leaving[reached[next]]) {
        const GraphLink& link = graph_.links[number];
        if (link.type > worst || link.capacity < width || link.to == source_) continue;
        if (by[link.to] >= 0) continue;
        by[link.to] = number;
        reached.push_back(link.to);
      }
    }
    for (const int node : nodes) routes_[node] = traced(by, node, worst, width);
  }

  Trail traced(const std::vector<int>& by, int node, PathType type, double width) const {
    Trail route;
    for (int at = node; at != source_; at = graph_.links[by[at]].from) {
      route.links.push_back(by[at]);
    }
    std::ranges::reverse(route.links);
    route.path = {type, width, static_cast<int>(route.links.size())};
    return route;
  }

  const Graph& graph_;
  int source_;
  std::vector<Trail> routes_;
};

}  // namespace

std::vector<Trail> best_from(const Graph& graph, int source) {
  return FromSource(graph, source).routes();
}

}  // namespace tutti
