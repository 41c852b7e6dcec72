// All pairs of places. Units that are alike are looked at once, and ways between units are put
// together from the way of each place to the network. Tested by topology_paths_test.cc.

#include <algorithm>
#include <deque>

#include "topology/graph_bandwidth.h"
#include "topology/paths.h"
#include "topology/places.h"

namespace tutti {
namespace {

// Units with equal graphs share their ways.
class RoutesOfUnits {
 public:
  explicit RoutesOfUnits(const std::vector<Unit>& units) : units_(units) {
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      std::size_t first = 0;
      while (units[first].graph != units[unit].graph) ++first;
      if (first == unit) routes_.emplace_back(units[unit].graph);
      shapes_.push_back(first == unit ? routes_.size() - 1 : shapes_[first]);
    }
  }

  const Trails& of(int unit) const { return routes_[shapes_[unit]]; }

  // The widest way out to the network; kNone where there is none.
  Path out(const Spotted& from) const {
    Path best;
    const Graph& graph = units_[from.unit].graph;
    for (const int port : graph.nodes_of(NodeKind::kPort)) {
      Path path = of(from.unit).at(from.node, port).path;
      if (path.type == PathType::kNone) continue;
      path.bandwidth = std::min(path.bandwidth, graph.links[graph.leaving[port].back()].capacity);
      const bool wider = path.bandwidth > best.bandwidth;
      if (wider || (path.bandwidth == best.bandwidth && path.type < best.type)) best = path;
    }
    return best;
  }

 private:
  const std::vector<Unit>& units_;
  std::deque<Trails> routes_;
  std::vector<std::size_t> shapes_;  // by unit: which of routes_
};

// Up to the network, and down on the other side.
Path across(const Path& out, const Path& in) {
  if (out.type == PathType::kNone || in.type == PathType::kNone) return {};
  return {PathType::kNet, std::min(out.bandwidth, in.bandwidth), out.hops + in.hops + 2};
}

}  // namespace

PathMatrix path_matrix(const Topology& topology) {
  const std::vector<Unit> units = make_units(topology, /*fabrics=*/true);
  std::vector<Spotted> spotted;
  for (const PlaceKind kind : {PlaceKind::kGpu, PlaceKind::kCpu, PlaceKind::kNet}) {
    std::ranges::copy(spot(topology, units, kind), std::back_inserter(spotted));
  }
  const RoutesOfUnits routes(units);
  std::vector<Path> out;
  for (const Spotted& from : spotted) out.push_back(routes.out(from));

  PathMatrix matrix;
  for (std::size_t from = 0; from < spotted.size(); ++from) {
    matrix.places.push_back(spotted[from].place);
    std::vector<Path>& row = matrix.paths.emplace_back(spotted.size());
    for (std::size_t to = 0; to < spotted.size(); ++to) {
      if (spotted[from].unit == spotted[to].unit) {
        row[to] = routes.of(spotted[from].unit).at(spotted[from].node, spotted[to].node).path;
      }
      const bool same_host = spotted[from].place.host == spotted[to].place.host;
      if (!same_host && row[to].type == PathType::kNone) row[to] = across(out[from], out[to]);
    }
  }
  return matrix;
}

}  // namespace tutti
