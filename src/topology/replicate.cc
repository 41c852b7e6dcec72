// Tested by topology_paths_test.cc.

#include <algorithm>
#include <functional>

#include "tutti/topology.h"

namespace tutti {
namespace {

using VisitRank = std::function<void(int&)>;

void visit_ranks(std::vector<PciDevice>& devices, const VisitRank& visit) {
  for (PciDevice& device : devices) {
    if (device.gpu && device.gpu->rank >= 0) visit(device.gpu->rank);
    visit_ranks(device.devices, visit);
  }
}

void visit_ranks(Topology& topology, const VisitRank& visit) {
  for (TopologyHost& host : topology.hosts) {
    for (Cpu& cpu : host.cpus) {
      for (CpuRank& rank : cpu.ranks) visit(rank.rank);
      visit_ranks(cpu.devices, visit);
    }
  }
}

}  // namespace

Topology replicate(const Topology& host, int hosts) {
  int ranks = 0;
  Topology copy = host;
  visit_ranks(copy, [&](int& rank) { ranks = std::max(ranks, rank + 1); });
  Topology all;
  for (int i = 0; i < hosts; ++i) {
    for (TopologyHost& one : copy.hosts) {
      one.name = std::string("host").append(std::to_string(all.hosts.size()));
      one.id = one.name;
      all.hosts.push_back(one);
    }
    visit_ranks(copy, [&](int& rank) { rank += ranks; });
  }
  return all;
}

}  // namespace tutti
