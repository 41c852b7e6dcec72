#include "simulator/machine_of.h"

#include <algorithm>
#include <map>

#include "simulator/typical.h"
#include "topology/search_members.h"

namespace tutti {
namespace {

constexpr double kGiga = 1e9;

// A host, or hosts that NVSwitches join: who is on it, and the ways between its places.
struct Part {
  std::vector<const TopologyHost*> hosts;
  std::vector<Place> members;  // hosts numbered within the part
  PathMatrix matrix;

  int find(PlaceKind kind, int host, int cpu_or_device) const {
    for (std::size_t i = 0; i < matrix.places.size(); ++i) {
      const Place& place = matrix.places[i];
      if (place.kind == kind && place.host == host && place.device == cpu_or_device) {
        return static_cast<int>(i);
      }
    }
    return -1;
  }
  int find(const Place& place) const { return find(place.kind, place.host, place.device); }
  const Path& path(int from, int to) const { return matrix.paths[from][to]; }
};

Part part_of(const Topology& topology, const Company& company, int unit) {
  Part part;
  Topology alone;
  std::map<int, int> number;
  for (const int host : company.units[unit].hosts) {
    number[host] = static_cast<int>(alone.hosts.size());
    alone.hosts.push_back(topology.hosts[host]);
    part.hosts.push_back(&topology.hosts[host]);
  }
  for (const SpottedMember& member : company.members) {
    if (member.unit != unit) continue;
    part.members.push_back(member.member.place);
    part.members.back().host = number[member.member.place.host];
  }
  part.matrix = path_matrix(alone);
  return part;
}

// ---- between GPUs

int find_capability(const std::vector<PciDevice>& devices, int gpu) {
  for (const PciDevice& device : devices) {
    if (device.gpu && device.gpu->device == gpu) return device.gpu->sm;
    if (const int sm = find_capability(device.devices, gpu); sm > 0) return sm;
  }
  return 0;
}

int capability_of(const Part& part, const Place& gpu) {
  return find_capability(part.hosts[gpu.host]->cpus[gpu.cpu].devices, gpu.device);
}

// To the processor beside it, which everything but NVLinks passes.
double way_out(const Part& part, const Place& gpu) {
  const int numa = part.hosts[gpu.host]->cpus[gpu.cpu].numa;
  const int cpu = part.find(PlaceKind::kCpu, gpu.host, numa);
  return cpu < 0 ? 0 : part.path(part.find(gpu), cpu).bandwidth;
}

struct GpuWires {
  double port = 0;            // GB/s
  std::vector<double> pairs;  // GB/s, 0 where there is no link of the two
  PathType worst = PathType::kLocal;
};

GpuWires wires_between_gpus(const Part& part) {
  const std::size_t count = part.members.size();
  GpuWires wires{0, std::vector<double>(count * count), PathType::kLocal};
  bool direct = false;
  bool all_switched = true;
  double switched = 0;
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = 0; b < count; ++b) {
      const Path& path = part.path(part.find(part.members[a]), part.find(part.members[b]));
      if (a == b) continue;
      wires.worst = std::max(wires.worst, path.type);
      const bool nvlink = path.type == PathType::kNvLink;
      if (nvlink && path.hops == 1) {
        wires.pairs[a * count + b] = path.bandwidth;
        direct = true;
      }
      if (nvlink && path.hops > 1) switched = std::max(switched, path.bandwidth);
      all_switched &= nvlink && path.hops > 1;
    }
  }
  if (!direct) wires.pairs.clear();
  wires.port = all_switched ? switched : 0;
  if (!all_switched || count == 1) {
    for (const Place& gpu : part.members) wires.port = std::max(wires.port, way_out(part, gpu));
  }
  return wires;
}

void add_gpus(const Part& part, Machine& machine) {
  const GpuWires wires = wires_between_gpus(part);
  machine.rank = typical_gpu(capability_of(part, part.members[0]));
  machine.rank_port = wires.port * kGiga;
  machine.near = typical_gpu_way(wires.worst);
  for (const double bandwidth : wires.pairs) machine.pairs.push_back(bandwidth * kGiga);
}

// ---- between hosts

void collect(const std::vector<PciDevice>& devices, std::vector<const Net*>& nets) {
  for (const PciDevice& device : devices) {
    for (const Net& net : device.nets) nets.push_back(&net);
    collect(device.devices, nets);
  }
}

// The fastest of those that move memory themselves, or the fastest where none do.
std::vector<const Net*> ports_of(const TopologyHost& host) {
  std::vector<const Net*> nets;
  for (const Cpu& cpu : host.cpus) {
    collect(cpu.devices, nets);
    for (const Net& net : cpu.nets) nets.push_back(&net);
  }
  const auto worse = [](const Net* a, const Net* b) {
    return std::pair(a->rdma, a->speed) < std::pair(b->rdma, b->speed);
  };
  const auto best = std::max_element(nets.begin(), nets.end(), worse);
  if (best == nets.end()) return nets;
  const Net& model = **best;
  std::erase_if(
      nets, [&](const Net* net) { return net->rdma != model.rdma || net->speed != model.speed; });
  return nets;
}

// GB/s of the network port of `host` that members reach best.
double best_reach(const Part& part, int host) {
  double best = 0;
  for (const Place& member : part.members) {
    if (member.host != host) continue;
    for (const Net* net : ports_of(*part.hosts[host])) {
      const int at = part.find(PlaceKind::kNet, host, net->device);
      if (at >= 0) best = std::max(best, part.path(part.find(member), at).bandwidth);
    }
  }
  return best;
}

double wire_speed(const Net& net) {
  constexpr double kUnknown = 10'000, kPerMegabit = 1e6 / 8;  // as NCCL has it
  return (net.speed > 0 ? static_cast<double>(net.speed) : kUnknown) * kPerMegabit;
}

void add_network(const Part& part, Machine& machine) {
  machine.ports = 0;
  for (std::size_t host = 0; host < part.hosts.size(); ++host) {
    const std::vector<const Net*> nets = ports_of(*part.hosts[host]);
    machine.ports += static_cast<int>(nets.size());
    if (host > 0 || nets.empty()) continue;
    machine.far = typical_network(nets[0]->rdma);
    machine.far.latency += nets[0]->latency * 1e-6;
    machine.host_port = wire_speed(*nets[0]);
    if (const double reach = best_reach(part, 0) * kGiga; reach > 0) {
      machine.host_port = std::min(machine.host_port, reach);
    }
  }
  machine.ports = std::max(machine.ports, 1);
}

Machine machine_of(const Part& part) {
  Machine machine;
  machine.ranks = static_cast<int>(part.members.size());
  if (part.members[0].kind == PlaceKind::kGpu) {
    add_gpus(part, machine);
  } else {
    machine.rank = typical_processor();
    machine.near = typical_processor_way();
  }
  add_network(part, machine);
  return machine;
}

Status unlike(const Part& a, const Part& b) {
  return {Code::kInvalidArgument, "hosts " + a.hosts[0]->name + " and " + b.hosts[0]->name +
                                      " differ in ranks or links: expected hosts that are alike"};
}

Status no_network(const std::string& host) {
  return {Code::kInvalidArgument,
          "host " + host + " has no network port: expected one where there are several hosts"};
}

}  // namespace

Result<Machine> machine_of(const Topology& topology) {
  const Company company = gather(topology);
  if (company.members.empty()) {
    return {Code::kInvalidArgument, "the topology has neither GPUs nor processors: expected some"};
  }
  std::map<int, int> numbers;  // of hosts, by unit, in the order of their lowest ranks
  std::vector<int> host_of;
  std::vector<Part> parts;
  for (const SpottedMember& member : company.members) {
    const auto [at, is_new] = numbers.try_emplace(member.unit, static_cast<int>(parts.size()));
    if (is_new) parts.push_back(part_of(topology, company, member.unit));
    host_of.push_back(at->second);
  }
  Machine machine = machine_of(parts[0]);
  for (const Part& part : parts) {
    if (machine_of(part) != machine) return unlike(parts[0], part);
  }
  if (parts.size() == 1) return machine;
  if (machine.host_port == 0) return no_network(parts[0].hosts[0]->name);
  machine.ranks = static_cast<int>(host_of.size());
  machine.host_of = host_of;
  return machine;
}

Result<Machine> multiplied(const Machine& machine, int hosts) {
  if (hosts == 1) return machine;
  if (machine.host_port == 0) return no_network("0");
  const int before = machine.host_of.empty() ? 1 : 1 + *std::ranges::max_element(machine.host_of);
  Machine many = machine;
  many.ranks = machine.ranks * hosts;
  many.host_of.clear();
  for (int copy = 0; copy < hosts; ++copy) {
    for (int rank = 0; rank < machine.ranks; ++rank) {
      many.host_of.push_back(copy * before + machine.host(rank));
    }
  }
  return many;
}

}  // namespace tutti
