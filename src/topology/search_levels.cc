// Tested by topology_search_test.cc.

#include "topology/search_levels.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

#include "topology/graph_bandwidth.h"
#include "topology/search_cut.h"

namespace tutti {
namespace {

using Groups = std::vector<std::vector<int>>;  // of members of a unit

// Members with equal keys.
template <class Key>
Groups grouped(int members, const Key& key_of) {
  std::map<decltype(key_of(0)), std::vector<int>> groups;
  for (int member = 0; member < members; ++member) groups[key_of(member)].push_back(member);
  Groups in_order;
  for (auto& [key, group] : groups) in_order.push_back(std::move(group));
  return in_order;
}

Groups singles(int members) {
  return grouped(members, [](int member) { return member; });
}

// Members that ways of such types join, over other members too.
Groups joined(const Shape& shape, PathType worst) {
  const int members = static_cast<int>(shape.nodes.size());
  std::vector<int> first(members, -1);  // by member: the first of its group
  for (int member = 0; member < members; ++member) {
    if (first[member] >= 0) continue;
    first[member] = member;
    std::vector<int> reached = {member};
    for (std::size_t next = 0; next < reached.size(); ++next) {
      for (int other = 0; other < members; ++other) {
        if (first[other] >= 0 || shape.between(reached[next], other).path.type > worst) continue;
        first[other] = member;
        reached.push_back(other);
      }
    }
  }
  return grouped(members, [&](int member) { return first[member]; });
}

const Node& node_of(const Shape& shape, int member) {
  return shape.graph.nodes[shape.nodes[member]];
}

int package_of(const Shape& shape, int member) {
  const Node& node = node_of(shape, member);
  for (const int cpu : shape.graph.nodes_of(NodeKind::kCpu)) {
    if (shape.graph.nodes[cpu].host != node.host || shape.graph.nodes[cpu].cpu != node.cpu)
      continue;
    for (const int link : shape.graph.leaving[cpu]) {
      const int to = shape.graph.links[link].to;
      if (shape.graph.nodes[to].kind == NodeKind::kPackage) return to;
    }
  }
  return -1;
}

// A level within units.
struct Nearness {
  std::string name;
  PathType worst = PathType::kSys;  // of links that its members use
  std::function<Groups(const Shape&)> groups;
};

std::vector<Nearness> nearnesses() {
  const auto members = [](const Shape& shape) { return static_cast<int>(shape.nodes.size()); };
  const auto linked = [members](const Shape& shape, PathType worst) {
    const bool gpus = node_of(shape, 0).kind == NodeKind::kGpu;
    return gpus ? joined(shape, worst) : singles(members(shape));
  };
  return {
      {"NVLink domain", PathType::kNvHop,
       [linked](const Shape& shape) { return linked(shape, PathType::kNvHop); }},
      {"PCI switch", PathType::kPxb,
       [linked](const Shape& shape) { return linked(shape, PathType::kPxb); }},
      {"NUMA node", PathType::kPhb,
       [members](const Shape& shape) {
         return grouped(members(shape), [&](int member) {
           return std::pair(node_of(shape, member).host, node_of(shape, member).cpu);
         });
       }},
      {"socket", PathType::kSys,
       [members](const Shape& shape) {
         return grouped(members(shape), [&](int member) { return package_of(shape, member); });
       }},
      {"host", PathType::kSys,
       [members](const Shape& shape) {
         return grouped(members(shape), [&](int member) { return node_of(shape, member).host; });
       }},
  };
}

// Of the group with the least; infinite where none has two members.
double bandwidth_of(const Shape& shape, const Groups& groups, PathType worst) {
  double least = std::numeric_limits<double>::infinity();
  for (const std::vector<int>& group : groups) {
    if (group.size() < 2) continue;
    std::vector<int> nodes;
    for (const int member : group) nodes.push_back(shape.nodes[member]);
    std::ranges::sort(nodes);
    const bool shared = std::ranges::adjacent_find(nodes) != nodes.end();
    if (shared) least = std::min(least, kMemoryBandwidth);
    least = std::min(least, narrowest_cut(shape.graph, nodes, worst));
  }
  return least;
}

// Whether every group of `fine` is within one of `coarse`, and some group grows.
bool coarser(const Groups& coarse, const Groups& fine) {
  std::map<int, std::size_t> group_of;
  for (std::size_t group = 0; group < coarse.size(); ++group) {
    for (const int member : coarse[group]) group_of[member] = group;
  }
  const bool nested = std::ranges::all_of(fine, [&](const std::vector<int>& group) {
    return std::ranges::all_of(
        group, [&](int member) { return group_of[member] == group_of[group.front()]; });
  });
  return nested && coarse.size() < fine.size();
}

void finish(FoundLevel& level) {
  for (std::vector<int>& group : level.groups) std::ranges::sort(group);
  std::ranges::sort(level.groups);
}

FoundLevel level_of(const Field& field, const Nearness& nearness) {
  FoundLevel level{nearness.name, {}, std::numeric_limits<double>::infinity()};
  std::vector<Groups> groups;
  for (const Shape& shape : field.shapes) {
    groups.push_back(nearness.groups(shape));
    level.bandwidth = std::min(level.bandwidth, bandwidth_of(shape, groups.back(), nearness.worst));
  }
  for (const FieldUnit& unit : field.units) {
    for (const std::vector<int>& group : groups[unit.shape]) {
      std::vector<int>& members = level.groups.emplace_back();
      for (const int member : group) members.push_back(unit.members[member]);
    }
  }
  finish(level);
  return level;
}

// ---- across units

bool on_network(const Shape& shape, int member, int port) {
  return shape.routes.at(shape.nodes[member], port).path.type != PathType::kNone;
}

// The port that a member is nearest to, by place among the ports of its shape; of equally near ones
// that which is as far along the ports as the member is along the members. -1: none.
int rail_of(const Shape& shape, int member) {
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
double rail_bandwidth(const Shape& shape, const std::vector<int>& rails, int member) {
  const int port = shape.ports[rails[member]];
  const auto sharers = std::ranges::count(rails, rails[member]);
  return std::min(shape.routes.at(shape.nodes[member], port).path.bandwidth,
                  shape.graph.links[shape.outward(port)].capacity) /
         static_cast<double>(sharers);
}

// Members of the same rail, over all units; empty where some have none, or where there is but one.
FoundLevel rail_level(const Field& field) {
  FoundLevel level{"rail", {}, std::numeric_limits<double>::infinity()};
  std::map<int, std::vector<int>> groups;
  std::vector<std::vector<int>> rails;  // by shape and member
  for (const Shape& shape : field.shapes) {
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
      const Shape& shape = field.shape(unit);
      const int rail = shape.graph.nodes[shape.ports[rails[unit.shape][i]]].rail;
      groups[rail].push_back(unit.members[i]);
    }
  }
  if (groups.size() < 2) return level;
  for (auto& [rail, members] : groups) level.groups.push_back(std::move(members));
  finish(level);
  return level;
}

// Everybody: a share of all ports of a unit for each member of it.
FoundLevel network_level(const Field& field) {
  FoundLevel level{"network", {}, std::numeric_limits<double>::infinity()};
  for (const Shape& shape : field.shapes) {
    double sum = 0;
    for (const int port : shape.ports) {
      if (!on_network(shape, 0, port)) continue;
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

}  // namespace

std::vector<FoundLevel> find_levels(const Field& field) {
  std::vector<FoundLevel> levels;
  Groups finest = singles(static_cast<int>(field.members.size()));
  for (const Nearness& nearness : nearnesses()) {
    FoundLevel level = level_of(field, nearness);
    if (!coarser(level.groups, finest)) continue;
    finest = level.groups;
    levels.push_back(std::move(level));
  }
  if (field.units.size() < 2) return levels;
  for (const FoundLevel& level : {rail_level(field), network_level(field)}) {
    if (!level.groups.empty()) levels.push_back(level);
  }
  return levels;
}

}  // namespace tutti
