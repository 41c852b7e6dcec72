// Which hosts are alike, so that one of them is shown for all. Tested by topology_text_test.cc.

#include <algorithm>

#include "tutti/topology.h"

namespace tutti {
namespace {

// What a rank has to do with the kind of a machine: that there is one.
int presence(int rank) { return rank < 0 ? -1 : 0; }

void forget_ranks_and_serials(std::vector<Net>& nets) {
  for (Net& net : nets) {
    net.guid.clear();
    net.other.clear();
  }
}

void forget_ranks_and_serials(PciDevice& device) {
  if (device.gpu) {
    device.gpu->rank = presence(device.gpu->rank);
    device.gpu->other.clear();
  }
  device.other.clear();
  forget_ranks_and_serials(device.nets);
  for (PciDevice& behind : device.devices) forget_ranks_and_serials(behind);
}

// Memory that the system leaves to programs differs a little between machines of one kind.
std::size_t rounded(std::size_t bytes) {
  constexpr std::size_t kGrain = std::size_t{4} << 30;
  return (bytes + kGrain / 2) / kGrain;
}

void forget_ranks_and_serials(Cpu& cpu) {
  cpu.memory_bytes = rounded(cpu.memory_bytes);
  cpu.other.clear();
  forget_ranks_and_serials(cpu.nets);
  for (PciDevice& device : cpu.devices) forget_ranks_and_serials(device);
  std::sort(cpu.ranks.begin(), cpu.ranks.end(),
            [](const CpuRank& a, const CpuRank& b) { return a.cpus < b.cpus; });
  for (CpuRank& rank : cpu.ranks) rank.rank = presence(rank.rank);
}

TopologyHost kind_of(TopologyHost host) {
  host.name.clear();
  host.id.clear();
  host.fabric = host.fabric.empty() ? "" : "some";
  for (Cpu& cpu : host.cpus) forget_ranks_and_serials(cpu);
  return host;
}

}  // namespace

std::vector<std::vector<int>> alike_hosts(const Topology& topology) {
  std::vector<TopologyHost> kinds;
  std::vector<std::vector<int>> groups;
  for (std::size_t host = 0; host < topology.hosts.size(); ++host) {
    TopologyHost kind = kind_of(topology.hosts[host]);
    const auto at = std::find(kinds.begin(), kinds.end(), kind) - kinds.begin();
    if (at == static_cast<std::ptrdiff_t>(kinds.size())) {
      kinds.push_back(std::move(kind));
      groups.emplace_back();
    }
    groups[static_cast<std::size_t>(at)].push_back(static_cast<int>(host));
  }
  return groups;
}

}  // namespace tutti
