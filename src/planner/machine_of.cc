// The machine that a topology is to the planner: its links as the simulator sees them, and from the
// presets what a topology does not say. Tested by planner_machine_test.cc.

#include "simulator/machine_of.h"

#include <algorithm>

#include "simulator/machine.h"
#include "tutti/planner.h"

namespace tutti::planner {
namespace {

int capability_of(const std::vector<PciDevice>& devices) {
  int most = 0;
  for (const PciDevice& device : devices) {
    if (device.gpu) most = std::max(most, device.gpu->sm);
    most = std::max(most, capability_of(device.devices));
  }
  return most;
}

// Of the GPUs; 0: there are none.
int capability_of(const Topology& topology) {
  int most = 0;
  for (const TopologyHost& host : topology.hosts) {
    for (const Cpu& cpu : host.cpus) most = std::max(most, capability_of(cpu.devices));
  }
  return most;
}

double memory_of(const Topology& topology) {
  double bytes = 0;
  for (const TopologyHost& host : topology.hosts) {
    for (const Cpu& cpu : host.cpus) bytes += static_cast<double>(cpu.memory_bytes);
  }
  return bytes;
}

std::size_t processors_of(const Topology& topology) {
  std::size_t sum = 0;
  for (const TopologyHost& host : topology.hosts) {
    for (const Cpu& cpu : host.cpus) sum += cpu.cpus.size();
  }
  return sum;
}

MachineShape nearest_preset(const Topology& topology) {
  const int capability = capability_of(topology);
  return *machine_preset(capability == 0 ? "cpu" : capability >= 90 ? "8xh100" : "8xa100");
}

// Of the highest level.
double cache_of(const Topology& topology) {
  double bytes = 0;
  for (const TopologyHost& host : topology.hosts) {
    for (const Cpu& cpu : host.cpus) {
      for (const Cache& cache : cpu.caches) {
        if (cache.level == cpu.caches.front().level) bytes += static_cast<double>(cache.bytes);
      }
    }
  }
  return bytes;
}

// Ranks on processors share them, and their memory, evenly. A rank does not use more than one.
void share_processors(const Topology& topology, int ranks, MachineShape& machine) {
  const auto processors = static_cast<double>(processors_of(topology));
  const double each = std::min(1.0, processors / ranks);
  machine.cores = static_cast<int>(processors) / machine.nodes;
  if (each > 0) {
    for (double* const figure : {&machine.peak_bf16, &machine.peak_fp32, &machine.memory_bandwidth,
                                 &machine.cache_bandwidth, &machine.busy_watts}) {
      *figure *= each;
    }
  }
  if (const double bytes = cache_of(topology); bytes > 0) machine.cache = bytes / ranks;
  if (const double bytes = memory_of(topology); bytes > 0) machine.memory = bytes / ranks;
}

double widest(const tutti::Machine& machine) {
  double most = machine.rank_port;
  for (const double pair : machine.pairs) most = std::max(most, pair);
  return most;
}

}  // namespace

Result<MachineShape> machine_of(const Topology& topology) {
  const Result<tutti::Machine> links = tutti::machine_of(topology);
  if (!links.ok()) return links.status();
  MachineShape machine = nearest_preset(topology);
  machine.name = "topology";
  const int hosts = links->host_of.empty()
                        ? 1
                        : 1 + *std::max_element(links->host_of.begin(), links->host_of.end());
  machine.nodes = hosts;
  machine.devices = links->ranks / hosts;
  if (capability_of(topology) == 0) share_processors(topology, links->ranks, machine);
  if (const double port = widest(*links); port > 0) machine.inside.bandwidth = port;
  if (links->host_port > 0) {
    machine.between.bandwidth = links->host_port * links->ports / machine.devices;
    machine.between.latency = std::max(machine.between.latency, links->far.latency);
  }
  return machine;
}

}  // namespace tutti::planner
