#include "topology/place_rank.h"

#include <algorithm>

namespace tutti {
namespace {

std::size_t count_common(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<int> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both.size();
}

// Calls `body` for every device that is a GPU.
template <class Devices, class Body>
void for_each_gpu(Devices& devices, const Body& body) {
  for (auto& device : devices) {
    if (device.gpu.has_value()) body(device);
    for_each_gpu(device.devices, body);
  }
}

PciDevice* find_gpu(TopologyHost& host, const auto& is_it) {
  PciDevice* found = nullptr;
  for (Cpu& cpu : host.cpus) {
    for_each_gpu(cpu.devices, [&](PciDevice& device) {
      if (is_it(device)) found = &device;
    });
  }
  return found;
}

Status place_on_gpu(TopologyHost& host, int rank, int gpu) {
  PciDevice* const device =
      find_gpu(host, [gpu](const PciDevice& one) { return one.gpu->device == gpu; });
  const std::string what = "rank " + std::to_string(rank) + ": gpu: " + std::to_string(gpu) + ": ";
  if (device == nullptr) {
    return {Code::kInvalidArgument, what + "expected one that host " + host.name + " has"};
  }
  if (device->gpu->rank >= 0) {
    return {Code::kInvalidArgument,
            what + "expected one without a rank; it has " + std::to_string(device->gpu->rank)};
  }
  device->gpu->rank = rank;
  return {};
}

void add(Cpu& cpu, const CpuRank& rank) {
  const auto before = [](const CpuRank& a, const CpuRank& b) { return a.rank < b.rank; };
  const auto at = std::lower_bound(cpu.ranks.begin(), cpu.ranks.end(), rank, before);
  if (at == cpu.ranks.end() || at->rank != rank.rank) cpu.ranks.insert(at, rank);
}

Cpu& cpu_like(const Cpu& wanted, TopologyHost& host) {
  const auto found = std::find_if(host.cpus.begin(), host.cpus.end(),
                                  [&](const Cpu& cpu) { return cpu.numa == wanted.numa; });
  return found == host.cpus.end() ? host.cpus.front() : *found;
}

}  // namespace

Status place_rank(TopologyHost& host, int rank, const std::vector<int>& cpus, int gpu) {
  if (gpu >= 0) return place_on_gpu(host, rank, gpu);
  if (host.cpus.empty()) {
    return {Code::kInvalidArgument,
            "rank " + std::to_string(rank) + ": host " + host.name + " has no processors"};
  }
  const auto is_worse = [&](const Cpu& a, const Cpu& b) {
    const std::size_t of_a = count_common(a.cpus, cpus), of_b = count_common(b.cpus, cpus);
    return of_a != of_b ? of_a < of_b : a.ranks.size() > b.ranks.size();
  };
  add(*std::max_element(host.cpus.begin(), host.cpus.end(), is_worse), {rank, cpus});
  return {};
}

void copy_ranks(const TopologyHost& from, TopologyHost& to) {
  if (to.cpus.empty()) return;
  for (const Cpu& cpu : from.cpus) {
    for (const CpuRank& rank : cpu.ranks) add(cpu_like(cpu, to), rank);
    for_each_gpu(cpu.devices, [&](const PciDevice& one) {
      PciDevice* const same =
          find_gpu(to, [&](const PciDevice& other) { return other.bus == one.bus; });
      if (same != nullptr && same->gpu->rank < 0) same->gpu->rank = one.gpu->rank;
    });
  }
}

}  // namespace tutti
