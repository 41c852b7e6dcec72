// Tested by topology_search_test.cc.

#include "topology/search_levels.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "topology/graph_bandwidth.h"
#include "topology/search_cut.h"
#include "topology/search_rails.h"

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
Groups joined(const UnitShape& shape, PathType worst) {
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

const Node& node_of(const UnitShape& shape, int member) {
  return shape.graph.nodes[shape.nodes[member]];
}

int package_of(const UnitShape& shape, int member) {
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
  std::function<Groups(const UnitShape&)> groups;
};

std::vector<Nearness> nearnesses() {
  const auto members = [](const UnitShape& shape) { return static_cast<int>(shape.nodes.size()); };
  const auto linked = [members](const UnitShape& shape, PathType worst) {
    const bool gpus = node_of(shape, 0).kind == NodeKind::kGpu;
    return gpus ? joined(shape, worst) : singles(members(shape));
  };
  return {
      {"NVLink domain", PathType::kNvHop,
       [linked](const UnitShape& shape) { return linked(shape, PathType::kNvHop); }},
      {"PCI switch", PathType::kPxb,
       [linked](const UnitShape& shape) { return linked(shape, PathType::kPxb); }},
      {"NUMA node", PathType::kPhb,
       [members](const UnitShape& shape) {
         return grouped(members(shape), [&](int member) {
           return std::pair(node_of(shape, member).host, node_of(shape, member).cpu);
         });
       }},
      {"socket", PathType::kSys,
       [members](const UnitShape& shape) {
         return grouped(members(shape), [&](int member) { return package_of(shape, member); });
       }},
      {"host", PathType::kSys,
       [members](const UnitShape& shape) {
         return grouped(members(shape), [&](int member) { return node_of(shape, member).host; });
       }},
  };
}

// Of the group with the least; infinite where none has two members.
double bandwidth_of(const UnitShape& shape, const Groups& groups, PathType worst) {
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

FoundLevel level_of(const Field& field, const Nearness& nearness) {
  FoundLevel level{nearness.name, {}, std::numeric_limits<double>::infinity()};
  std::vector<Groups> groups;
  for (const UnitShape& shape : field.shapes) {
    groups.push_back(nearness.groups(shape));
    level.bandwidth = std::min(level.bandwidth, bandwidth_of(shape, groups.back(), nearness.worst));
  }
  for (const FieldUnit& unit : field.units) {
    for (const std::vector<int>& group : groups[unit.shape]) {
      std::vector<int>& members = level.groups.emplace_back();
      for (const int member : group) members.push_back(unit.members[member]);
    }
  }
  sort_groups(level);
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
