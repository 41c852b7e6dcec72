// Tested by topology_search_test.cc.

#include "topology/search_field.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "topology/search_members.h"

namespace tutti {
namespace {

// Those worth using: RDMA devices where there are any, and none that is much slower than the best,
// which is there to manage the host.
std::vector<int> useful_ports(const Graph& graph) {
  constexpr double kMuchSlower = 0.25;
  std::vector<int> ports = graph.nodes_of(NodeKind::kPort);
  const auto rdma = [&](int port) { return graph.nodes[port].rdma; };
  if (std::ranges::any_of(ports, rdma)) std::erase_if(ports, std::not_fn(rdma));
  const auto speed = [&](int port) { return graph.links[graph.leaving[port].back()].capacity; };
  double fastest = 0;
  for (const int port : ports) fastest = std::max(fastest, speed(port));
  std::erase_if(ports, [&](int port) { return speed(port) < kMuchSlower * fastest; });
  std::ranges::stable_sort(ports, {}, [&](int port) {
    return std::pair(graph.nodes[port].host, graph.nodes[port].rail);
  });
  return ports;
}

struct Numbered {
  SpottedMember at;
  int number = 0;  // of the topology
};

// By unit; in the order of places, not of ranks, so that ranks placed differently are of one shape.
std::vector<std::vector<Numbered>> by_unit(const Company& company) {
  std::vector<std::vector<Numbered>> units(company.units.size());
  for (int number = 0; number < static_cast<int>(company.members.size()); ++number) {
    units[company.members[number].unit].push_back({company.members[number], number});
  }
  for (std::vector<Numbered>& members : units) {
    std::ranges::stable_sort(members, {}, [](const Numbered& numbered) {
      const Place& place = numbered.at.member.place;
      return std::tuple(place.host, place.device, numbered.at.node);
    });
  }
  return units;
}

int shape_of(std::deque<UnitShape>& shapes, const Graph& graph, const std::vector<int>& nodes) {
  const auto known = std::ranges::find_if(
      shapes, [&](const UnitShape& shape) { return shape.nodes == nodes && shape.graph == graph; });
  if (known != shapes.end()) return static_cast<int>(known - shapes.begin());
  shapes.push_back({graph, Trails(graph), nodes, useful_ports(graph)});
  return static_cast<int>(shapes.size()) - 1;
}

}  // namespace

Field survey(const Topology& topology) {
  Field field;
  const Company company = gather(topology);
  for (const SpottedMember& member : company.members) field.members.push_back(member.member);
  const std::vector<std::vector<Numbered>> units = by_unit(company);
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    if (units[unit].empty()) continue;
    std::vector<int> nodes;
    FieldUnit& found = field.units.emplace_back();
    for (const Numbered& numbered : units[unit]) {
      nodes.push_back(numbered.at.node);
      found.members.push_back(numbered.number);
    }
    found.hosts = company.units[unit].hosts;
    found.shape = shape_of(field.shapes, company.units[unit].graph, nodes);
  }
  return field;
}

}  // namespace tutti
