// Tested by topology_search_test.cc.

#include "topology/search_members.h"

#include <algorithm>
#include <functional>

namespace tutti {
namespace {

int rank_of(const std::vector<PciDevice>& devices, int gpu) {
  for (const PciDevice& device : devices) {
    if (device.gpu && device.gpu->device == gpu) return device.gpu->rank;
    if (const int rank = rank_of(device.devices, gpu); rank >= 0) return rank;
  }
  return -1;
}

// With the ranks that GPUs have.
std::vector<SpottedMember> gpu_members(const Topology& topology, const std::vector<Unit>& units) {
  std::vector<SpottedMember> members;
  for (const Spotted& at : spot(topology, units, PlaceKind::kGpu)) {
    const Cpu& cpu = topology.hosts[at.place.host].cpus[at.place.cpu];
    members.push_back({{at.place, rank_of(cpu.devices, at.place.device)}, at.unit, at.node});
  }
  return members;
}

std::vector<SpottedMember> cpu_rank_members(const Topology& topology,
                                            const std::vector<Spotted>& cpus) {
  std::vector<SpottedMember> members;
  for (const Spotted& at : cpus) {
    for (const CpuRank& rank : topology.hosts[at.place.host].cpus[at.place.cpu].ranks) {
      members.push_back({{at.place, rank.rank}, at.unit, at.node});
    }
  }
  return members;
}

void number(std::vector<SpottedMember>& members) {
  for (int i = 0; i < static_cast<int>(members.size()); ++i) members[i].member.rank = i;
}

}  // namespace

Company gather(const Topology& topology) {
  Company company{make_units(topology, /*fabrics=*/true), {}};
  company.members = gpu_members(topology, company.units);
  const auto has_rank = [](const SpottedMember& member) { return member.member.rank >= 0; };
  if (std::ranges::any_of(company.members, has_rank)) {
    std::erase_if(company.members, std::not_fn(has_rank));
  } else if (!company.members.empty()) {
    number(company.members);
  } else {
    // Processors of different hosts do not meet on the switches of GPUs.
    company.units = make_units(topology, /*fabrics=*/false);
    const std::vector<Spotted> cpus = spot(topology, company.units, PlaceKind::kCpu);
    company.members = cpu_rank_members(topology, cpus);
    if (company.members.empty()) {
      for (const Spotted& at : cpus) company.members.push_back({{at.place, 0}, at.unit, at.node});
      number(company.members);
    }
  }
  std::ranges::stable_sort(company.members, {},
                           [](const SpottedMember& member) { return member.member.rank; });
  return company;
}

}  // namespace tutti
