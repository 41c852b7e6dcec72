// Hosts as a graph: GPUs, processors, switches and ports, and what the links between them carry.
//
// The search works on hosts that are alike once. A graph therefore has no names: hosts whose links
// are the same have equal graphs. Tested by topology_paths_test.cc.

#pragma once

#include <vector>

#include "tutti/topology.h"

namespace tutti {

enum class NodeKind {
  kGpu,
  kCpu,
  kPort,
  kPciSwitch,
  kAdapter,   // of network ports: they share its PCI link
  kPackage,   // what joins the processors of a socket, and the sockets
  kNvSwitch,  // all of a host, or of the hosts of a fabric
  kNetwork,   // as wide as all ports together
};

struct Node {
  NodeKind kind = NodeKind::kCpu;
  int host = 0;       // within the graph
  int cpu = 0;        // index of the processor on its host
  int device = 0;     // as in Place
  int rail = 0;       // of a port: those of the same number lead to the same switches
  bool rdma = false;  // of a port

  bool operator==(const Node&) const = default;
};

/// One way.
struct GraphLink {
  int from = 0;
  int to = 0;
  PathType type = PathType::kNone;  // of a path that has it, at best
  double capacity = 0;              // GB/s

  bool operator==(const GraphLink&) const = default;
};

struct Graph {
  std::vector<Node> nodes;
  std::vector<GraphLink> links;
  std::vector<std::vector<int>> leaving;  // links by node, best type first

  int add(const Node& node);
  /// Both ways.
  void connect(int a, int b, PathType type, double capacity);
  /// In the order of hosts, and of devices on them.
  std::vector<int> nodes_of(NodeKind kind) const;

  bool operator==(const Graph&) const = default;
};

/// Hosts that NVSwitches join, or one host.
struct Unit {
  std::vector<int> hosts;  // of the topology, ascending
  Graph graph;
};

/// One graph of these hosts. Its last node is the network.
Graph make_graph(const std::vector<const TopologyHost*>& hosts);

/// All hosts, in the order of the first of each unit. `fabrics`: hosts of a fabric that have GPUs
/// on its switches are one unit.
std::vector<Unit> make_units(const Topology& topology, bool fabrics);

}  // namespace tutti
