// Tested by topology_search_test.cc.

#include "topology/search_rails.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <tuple>

namespace tutti {
namespace {

// The port that a member is nearest to, by place among the ports of its shape; of equally near ones
// that which is as far along the ports as the member is along the members. -1: none.
int rail_of(const UnitShape& shape, int member) {
  const int ports = static_cast<int>(shape.ports.size());
  const int even = member * ports / static_cast<int>(shape.nodes.size());
  using Rank = std::tuple<PathType, double, int, int>;
  std::map<Rank, int> ranked;
  for (int port = 0; port < ports; ++port) {
    const Path& path = shape.routes.at(shape.nodes[member], shape.ports[port]).path;
    if (path.type == PathType::kNone) continue;
    ranked.emplace(Rank{path.type, -path.bandwidth, path.hops, std::abs(port - even)}, port);
  }
  return ranked.empty() ? -1 : ranked.begin()->second;
}

// What a member has of the way to its rail, when all members use theirs.
double rail_bandwidth(const UnitShape& shape, const std::vector<int>& rails, int member) {
  const int port = shape.ports[rails[member]];
  const auto sharers = std::ranges::count(rails, rails[member]);
  return std::min(shape.routes.at(shape.nodes[member], port).path.bandwidth,
                  shape.graph.links[shape.outward(port)].capacity) /
         static_cast<double>(sharers);
}

}  // namespace

void sort_groups(FoundLevel& level) {
  for (std::vector<int>& group : level.groups) std::ranges::sort(group);
  std::ranges::sort(level.groups);
}

FoundLevel rail_level(const Field& field) {
  FoundLevel level{"rail", {}, std::numeric_limits<double>::infinity()};
  std::map<int, std::vector<int>> groups;
  std::vector<std::vector<int>> rails;  // by shape and member
  for (const UnitShape& shape : field.shapes) {
    std::vector<int>& of_shape = rails.emplace_back();
    for (int i = 0; i < static_cast<int>(shape.nodes.size()); ++i) {
      of_shape.push_back(rail_of(shape, i));
    }
    if (std::ranges::find(of_shape, -1) != of_shape.end()) return level;
    for (int i = 0; i < static_cast<int>(of_shape.size()); ++i) {
      level.bandwidth = std::min(level.bandwidth, rail_bandwidth(shape, of_shape, i));
    }
  }
  for (const FieldUnit& unit : field.units) {
    for (std::size_t i = 0; i < unit.members.size(); ++i) {
      const UnitShape& shape = field.shape(unit);
      const int rail = shape.graph.nodes[shape.ports[rails[unit.shape][i]]].rail;
      groups[rail].push_back(unit.members[i]);
    }
  }
  if (groups.size() < 2) return level;
  for (auto& [rail, members] : groups) level.groups.push_back(std::move(members));
  sort_groups(level);
  return level;
}

// A share of all ports of a unit for each member of it.
FoundLevel network_level(const Field& field) {
  FoundLevel level{"network", {}, std::numeric_limits<double>::infinity()};
  for (const UnitShape& shape : field.shapes) {
    double sum = 0;
    for (const int port : shape.ports) {
      double widest = 0;
      for (const int node : shape.nodes) {
        widest = std::max(widest, shape.routes.at(node, port).path.bandwidth);
      }
      sum += std::min(widest, shape.graph.links[shape.outward(port)].capacity);
    }
    level.bandwidth = std::min(level.bandwidth, sum / static_cast<double>(shape.nodes.size()));
  }
  if (level.bandwidth == 0) return level;
  level.groups.emplace_back();
  for (int member = 0; member < static_cast<int>(field.members.size()); ++member) {
    level.groups.front().push_back(member);
  }
  return level;
}

}  // namespace tutti
