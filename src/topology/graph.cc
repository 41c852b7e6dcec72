// Tested by topology_paths_test.cc.

#include "topology/graph.h"

#include <algorithm>
#include <map>

#include "topology/graph_host.h"

namespace tutti {
namespace {

bool on_switches(const PciDevice& device) {
  const auto to_switch = [](const NvLinks& links) {
    return links.target_class.starts_with("0x068000");
  };
  if (device.gpu && std::ranges::any_of(device.gpu->nvlinks, to_switch)) return true;
  return std::ranges::any_of(device.devices, on_switches);
}

bool on_fabric(const TopologyHost& host) {
  return !host.fabric.empty() && std::ranges::any_of(host.cpus, [](const Cpu& cpu) {
    return std::ranges::any_of(cpu.devices, on_switches);
  });
}

}  // namespace

int Graph::add(const Node& node) {
  nodes.push_back(node);
  leaving.emplace_back();
  return static_cast<int>(nodes.size()) - 1;
}

void Graph::connect(int a, int b, PathType type, double capacity) {
  for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    leaving[from].push_back(static_cast<int>(links.size()));
    links.push_back({from, to, type, capacity});
  }
}

std::vector<int> Graph::nodes_of(NodeKind kind) const {
  std::vector<int> found;
  for (int node = 0; node < static_cast<int>(nodes.size()); ++node) {
    if (nodes[node].kind == kind) found.push_back(node);
  }
  std::ranges::stable_sort(
      found, {}, [this](int node) { return std::pair(nodes[node].host, nodes[node].device); });
  return found;
}

Graph make_graph(const std::vector<const TopologyHost*>& hosts) {
  Graph graph;
  int nvswitch = -1;
  for (int host = 0; host < static_cast<int>(hosts.size()); ++host) {
    add_host(graph, *hosts[host], host, nvswitch);
  }
  const std::vector<int> ports = graph.nodes_of(NodeKind::kPort);
  const int network = graph.add({.kind = NodeKind::kNetwork});
  for (const int port : ports) {
    graph.connect(port, network, PathType::kNet, graph.links[graph.leaving[port].front()].capacity);
  }
  for (std::vector<int>& links : graph.leaving) {
    std::ranges::stable_sort(links, {}, [&](int link) { return graph.links[link].type; });
  }
  return graph;
}

std::vector<Unit> make_units(const Topology& topology, bool fabrics) {
  std::vector<Unit> units;
  std::map<std::string, std::size_t> by_fabric;
  for (int host = 0; host < static_cast<int>(topology.hosts.size()); ++host) {
    const std::string& fabric = topology.hosts[host].fabric;
    const bool joined = fabrics && on_fabric(topology.hosts[host]);
    if (joined && by_fabric.contains(fabric)) {
      units[by_fabric[fabric]].hosts.push_back(host);
      continue;
    }
    if (joined) by_fabric[fabric] = units.size();
    units.push_back({.hosts = {host}, .graph = {}});
  }
  for (Unit& unit : units) {
    std::vector<const TopologyHost*> hosts;
    for (const int host : unit.hosts) hosts.push_back(&topology.hosts[host]);
    unit.graph = make_graph(hosts);
  }
  return units;
}

}  // namespace tutti
