// Tested by topology_paths_test.cc.

#include "topology/graph_host.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>

#include "topology/graph_bandwidth.h"

namespace tutti {
namespace {

// Processors of one socket reach each other faster than those of another. By how much, nobody
// says; twice keeps them from being the narrowest part of a way between sockets.
constexpr double kInsidePackage = 2;

struct GpuNode {
  const Gpu* gpu = nullptr;
  int node = 0;
  int cpu = 0;  // node of its processor
};

bool matters(const PciDevice& device) {
  return device.gpu || !device.nets.empty() || !device.links.empty() ||
         std::ranges::any_of(device.devices, matters);
}

// "0000:3b:00" of "0000:3b:00.1": functions of an adapter share its slot.
std::string slot_of(const PciDevice& device) { return device.bus.substr(0, device.bus.rfind('.')); }

int rail_of(const Net& net, int otherwise) {
  const auto found = net.other.find("rail");
  if (found == net.other.end()) return otherwise;
  const std::string& text = found->second;
  int rail = otherwise;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rail);
  return error == std::errc() && end == text.data() + text.size() && rail >= 0 ? rail : otherwise;
}

class HostBuilder {
 public:
  HostBuilder(Graph& graph, int host, int& nvswitch)
      : graph_(graph), host_(host), nvswitch_(nvswitch) {}

  void build(const TopologyHost& host) {
    for (int cpu = 0; cpu < static_cast<int>(host.cpus.size()); ++cpu) add_cpu(host.cpus[cpu], cpu);
    join_packages();
    join_switches(host);
    for (const GpuNode& gpu : gpus_) add_gpu_links(gpu);
    join_gpus();
  }

 private:
  void add_cpu(const Cpu& cpu, int index) {
    cpu_ = index;
    const int node = add(NodeKind::kCpu, cpu.numa);
    const auto [package, fresh] = packages_.try_emplace(cpu.package);
    if (fresh) package->second = {add(NodeKind::kPackage, cpu.package), socket_bandwidth(cpu)};
    graph_.connect(node, package->second.node, PathType::kSys,
                   kInsidePackage * package->second.bandwidth);
    for (const PciDevice& device : cpu.devices) add_device(device, node, node, kLocalBandwidth);
    for (const Net& net : cpu.nets) add_port(net, node, PathType::kPhb);
  }

  int add(NodeKind kind, int device) {
    return graph_.add({.kind = kind, .host = host_, .cpu = cpu_, .device = device});
  }

  // Sockets in pairs: each has a link to each.
  void join_packages() {
    for (auto a = packages_.begin(); a != packages_.end(); ++a) {
      for (auto b = std::next(a); b != packages_.end(); ++b) {
        graph_.connect(a->second.node, b->second.node, PathType::kSys,
                       std::min(a->second.bandwidth, b->second.bandwidth));
      }
    }
  }

  // `above`: what the bridges that were left out between `parent` and the device carry.
  void add_device(const PciDevice& device, int parent, int cpu, double above) {
    if (!matters(device)) return;
    const double bandwidth = std::min(above, pci_bandwidth(device));
    if (device.gpu) add_gpu(device, parent, cpu, bandwidth);
    if (!device.nets.empty()) add_adapter(device, parent, bandwidth);
    add_behind(device, parent, cpu, bandwidth);
  }

  void add_behind(const PciDevice& device, int parent, int cpu, double bandwidth) {
    const auto behind = std::ranges::count_if(device.devices, matters);
    if (behind == 1 && device.links.empty()) {
      for (const PciDevice& below : device.devices) add_device(below, parent, cpu, bandwidth);
    } else if (behind > 0 || !device.links.empty()) {
      const int node = add(NodeKind::kPciSwitch, 0);
      by_bus_[device.bus] = node;
      graph_.connect(node, parent, pci_type(NodeKind::kPciSwitch, parent), bandwidth);
      for (const PciDevice& below : device.devices) add_device(below, node, cpu, kLocalBandwidth);
    }
  }

  // NCCL's: through a processor PHB, between switches PXB, and PIX to what is behind a switch.
  PathType pci_type(NodeKind kind, int parent) const {
    if (graph_.nodes[parent].kind == NodeKind::kCpu) return PathType::kPhb;
    return kind == NodeKind::kPciSwitch ? PathType::kPxb : PathType::kPix;
  }

  void add_gpu(const PciDevice& device, int parent, int cpu, double bandwidth) {
    const int node = add(NodeKind::kGpu, device.gpu->device);
    by_bus_[device.bus] = node;
    gpus_.push_back({&*device.gpu, node, cpu});
    graph_.connect(node, parent, pci_type(NodeKind::kGpu, parent), bandwidth);
  }

  void add_adapter(const PciDevice& device, int parent, double bandwidth) {
    const auto [adapter, fresh] = adapters_.try_emplace({parent, slot_of(device)});
    if (fresh) {
      adapter->second = add(NodeKind::kAdapter, 0);
      graph_.connect(adapter->second, parent, pci_type(NodeKind::kAdapter, parent), bandwidth);
    }
    for (const Net& net : device.nets) add_port(net, adapter->second, PathType::kLocal);
  }

  void add_port(const Net& net, int parent, PathType type) {
    const int port = add(NodeKind::kPort, net.device);
    graph_.nodes[port].rail = rail_of(net, ports_++);
    graph_.nodes[port].rdma = net.rdma;
    graph_.connect(port, parent, type, port_bandwidth(net));
  }

  // Links between switches beside the tree, which both ends may list.
  void join_switches(const TopologyHost& host) {
    for (const Cpu& cpu : host.cpus) {
      for (const PciDevice& device : cpu.devices) join_switch(device);
    }
  }

  void join_switch(const PciDevice& device) {
    const auto own = by_bus_.find(device.bus);
    for (const std::string& target : device.links) {
      const auto other = by_bus_.find(target);
      if (own == by_bus_.end() || other == by_bus_.end() || other->second == own->second) continue;
      const auto known =
          std::pair(std::min(own->second, other->second), std::max(own->second, other->second));
      if (!joined_.try_emplace(known, true).second) continue;
      graph_.connect(own->second, other->second, PathType::kPxb, pci_bandwidth(device));
    }
    for (const PciDevice& below : device.devices) join_switch(below);
  }

  void add_gpu_links(const GpuNode& gpu) {
    const double bandwidth = nvlink_bandwidth(gpu.gpu->sm);
    double to_switches = 0;  // links
    double to_cpu = 0;
    for (const NvLinks& links : gpu.gpu->nvlinks) {
      const auto peer = by_bus_.find(links.target);
      if (peer != by_bus_.end() && graph_.nodes[peer->second].kind == NodeKind::kGpu) {
        mesh_[{gpu.node, peer->second}] += std::max(0, links.count) * bandwidth;
      } else if (links.target_class.starts_with("0x068001")) {
        to_cpu += std::max(0, links.count);
      } else if (links.target_class.starts_with("0x068000")) {
        to_switches += std::max(0, links.count);
      }
    }
    if (to_switches > 0) join_nvswitch(gpu.node, to_switches * bandwidth);
    if (to_cpu > 0) graph_.connect(gpu.node, gpu.cpu, PathType::kNvLink, to_cpu * bandwidth);
    for (const C2cLinks& links : gpu.gpu->c2c) {
      const double c2c = static_cast<double>(links.bandwidth) / 1000 * links.count;
      if (c2c > 0) graph_.connect(gpu.node, gpu.cpu, PathType::kC2c, c2c);
    }
  }

  void join_nvswitch(int gpu, double bandwidth) {
    if (nvswitch_ < 0) nvswitch_ = graph_.add({.kind = NodeKind::kNvSwitch});
    graph_.connect(gpu, nvswitch_, PathType::kNvLink, bandwidth);
  }

  // Each link is listed at both ends; where only one lists it, it is there all the same.
  void join_gpus() {
    for (const auto& [ends, bandwidth] : mesh_) {
      const auto back = mesh_.find({ends.second, ends.first});
      const bool both = back != mesh_.end();
      const double least = both ? std::min(bandwidth, back->second) : bandwidth;
      const bool first = !both || ends.first < ends.second;
      if (!first || ends.first == ends.second || least <= 0) continue;
      graph_.connect(ends.first, ends.second, PathType::kNvLink, least);
    }
  }

  struct Package {
    int node = 0;
    double bandwidth = 0;  // between it and another
  };

  Graph& graph_;
  int host_;
  int& nvswitch_;
  int cpu_ = 0;
  int ports_ = 0;
  std::map<int, Package> packages_;
  std::map<std::string, int> by_bus_;
  std::map<std::pair<int, std::string>, int> adapters_;
  std::map<std::pair<int, int>, bool> joined_;
  std::map<std::pair<int, int>, double> mesh_;  // GB/s of links from one GPU to another
  std::vector<GpuNode> gpus_;
};

}  // namespace

void add_host(Graph& graph, const TopologyHost& topology_host, int host, int& nvswitch) {
  HostBuilder(graph, host, nvswitch).build(topology_host);
}

}  // namespace tutti
