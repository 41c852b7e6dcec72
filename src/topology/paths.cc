// Tested by topology_paths_test.cc.

#include "topology/paths.h"

#include <algorithm>

#include "topology/paths_widest.h"

namespace tutti {
namespace {

std::vector<int> gpus_linked_to(const Graph& graph, int gpu) {
  std::vector<int> peers;
  for (const int link : graph.leaving[gpu]) {
    const int peer = graph.links[link].to;
    if (graph.nodes[peer].kind == NodeKind::kGpu) peers.push_back(peer);
  }
  std::ranges::sort(peers);
  return peers;
}

bool is_coherent(const Graph& graph, const Trail& route) {
  return route.path.type == PathType::kPhb && std::ranges::any_of(route.links, [&](int link) {
           return graph.links[link].type == PathType::kC2c;
         });
}

// How a GPU reaches a port that it may pass data on to for others.
bool is_near(PathType type) { return type <= PathType::kP2c; }

}  // namespace

bool better(const Path& a, const Path& b) {
  if (a.type != b.type) return a.type < b.type;
  if (a.bandwidth != b.bandwidth) return a.bandwidth > b.bandwidth;
  return a.hops < b.hops;
}

Trail after(const Trail& first, const Trail& second, PathType type) {
  Trail route = first;
  route.links.insert(route.links.end(), second.links.begin(), second.links.end());
  route.path = {type, std::min(first.path.bandwidth, second.path.bandwidth),
                first.path.hops + second.path.hops};
  return route;
}

Trails::Trails(const Graph& graph) : routes_(graph.nodes.size()) {
  for (const NodeKind kind : {NodeKind::kGpu, NodeKind::kCpu, NodeKind::kPort}) {
    for (const int node : graph.nodes_of(kind)) routes_[node] = best_from(graph, node);
  }
  add_nv_hops(graph);
  mark_coherent(graph);
  add_relays(graph);
}

// NVB: over one GPU in between.
void Trails::add_nv_hops(const Graph& graph) {
  for (const int from : graph.nodes_of(NodeKind::kGpu)) {
    for (const int over : gpus_linked_to(graph, from)) {
      for (const int to : gpus_linked_to(graph, over)) {
        if (to == from) continue;
        const Trail hop = after(routes_[from][over], routes_[over][to], PathType::kNvHop);
        if (better(hop.path, routes_[from][to].path)) routes_[from][to] = hop;
      }
    }
  }
}

// P2C: what leaves a GPU over C2C goes on from the processor's own memory.
void Trails::mark_coherent(const Graph& graph) {
  for (const int gpu : graph.nodes_of(NodeKind::kGpu)) {
    for (const int port : graph.nodes_of(NodeKind::kPort)) {
      for (Trail* route : {&routes_[gpu][port], &routes_[port][gpu]}) {
        if (is_coherent(graph, *route)) route->path.type = PathType::kP2c;
      }
    }
  }
}

// PXN: a GPU of the same host, on NVLinks, that is nearer to the port.
void Trails::add_relays(const Graph& graph) {
  const std::vector<int> gpus = graph.nodes_of(NodeKind::kGpu);
  for (const int port : graph.nodes_of(NodeKind::kPort)) {
    for (const int gpu : gpus) {
      if (graph.nodes[gpu].host != graph.nodes[port].host) continue;
      for (const int relay : gpus) {
        if (routes_[gpu][relay].path.type != PathType::kNvLink) continue;
        if (graph.nodes[relay].host != graph.nodes[port].host) continue;
        if (!is_near(routes_[relay][port].path.type)) continue;
        const Trail out = after(routes_[gpu][relay], routes_[relay][port], PathType::kPxn);
        if (better(out.path, routes_[gpu][port].path)) routes_[gpu][port] = out;
        const Trail in = after(routes_[port][relay], routes_[relay][gpu], PathType::kPxn);
        if (better(in.path, routes_[port][gpu].path)) routes_[port][gpu] = in;
      }
    }
  }
}

}  // namespace tutti
