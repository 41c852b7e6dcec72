// A topology as text: a tree for every kind of host, hosts that are alike together.
//
// Tested by topology_text_test.cc.

#include <algorithm>
#include <numeric>

#include "topology/link_ends.h"
#include "topology/number_list.h"
#include "topology/part_names.h"
#include "topology/text_tree.h"
#include "topology/words.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

constexpr std::size_t kMostNames = 8;  // of hosts or sets in a line
constexpr int kSmallestCache = 1;      // levels from here on are counted

// ---- devices

std::string gpu_title(const Gpu& gpu) { return "GPU" + std::to_string(gpu.device); }

std::string net_names(const std::vector<Net>& nets) {
  std::vector<std::string> names;
  for (const Net& net : nets) names.push_back(net.name);
  return joined(names);
}

std::string c2c_text(const Gpu& gpu) {
  int links = 0;
  for (const C2cLinks& c2c : gpu.c2c) links += c2c.count;
  return links == 0 ? "" : counted(links, "C2C link") + " to the processor";
}

std::string gpu_details(const TopologyHost& host, const Gpu& gpu) {
  return joined({gpu_generation(gpu.sm), gpu.rdma ? "GPUDirect RDMA" : "",
                 link_ends_text(link_ends(host, gpu)), c2c_text(gpu),
                 gpu.rank < 0 ? "" : ranks_text({gpu.rank})});
}

std::string device_title(const PciDevice& device) {
  std::string what = device_kind(device);
  if (device.gpu) what = gpu_title(*device.gpu);
  if (!device.nets.empty()) what = net_names(device.nets);
  return short_bus(device.bus) + " " + what;
}

std::string device_details(const TopologyHost& host, const PciDevice& device) {
  std::vector<std::string> buses;
  for (const std::string& bus : device.links) buses.push_back(short_bus(bus));
  return joined({device.gpu ? gpu_details(host, *device.gpu) : "",
                 device.nets.empty() ? "" : ports_text(device.nets),
                 buses.empty() ? "" : "linked to " + joined(buses)});
}

void add_devices(const TopologyHost& host, const std::vector<PciDevice>& devices, int depth,
                 std::vector<TreeLine>& lines) {
  for (const PciDevice& device : devices) {
    lines.push_back(
        {depth, device_title(device), {link_text(device), device_details(host, device)}});
    add_devices(host, device.devices, depth + 1, lines);
  }
}

// ---- processors

std::string cpu_title(const Cpu& cpu) {
  const std::string cpus = cpu.cpus.empty() ? "" : " (" + to_list(cpu.cpus) + ")";
  return "CPU" + std::to_string(cpu.numa) + ": " +
         joined({"package " + std::to_string(cpu.package), processor_model(cpu),
                 cores_text(cpu) + cpus,
                 cpu.memory_bytes == 0 ? "" : bytes_text(cpu.memory_bytes)});
}

// "ranks 0-3 on 0-7": those that may run on the same logical processors.
std::vector<std::string> rank_groups(const Cpu& cpu) {
  std::vector<std::vector<int>> sets;
  std::vector<std::vector<int>> ranks;
  for (const CpuRank& rank : cpu.ranks) {
    const auto at = std::find(sets.begin(), sets.end(), rank.cpus) - sets.begin();
    if (at == static_cast<std::ptrdiff_t>(sets.size())) {
      sets.push_back(rank.cpus);
      ranks.emplace_back();
    }
    ranks[static_cast<std::size_t>(at)].push_back(rank.rank);
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    texts.push_back(ranks_text(ranks[i]) + (sets[i].empty() ? "" : " on " + to_list(sets[i])));
  }
  return texts;
}

std::string cpu_ranks_text(const Cpu& cpu) {
  const std::vector<std::string> groups = rank_groups(cpu);
  if (groups.size() <= kMostNames) return joined(groups, "; ");
  std::vector<int> ranks;
  for (const CpuRank& rank : cpu.ranks) ranks.push_back(rank.rank);
  return ranks_text(ranks) + " on " + std::to_string(groups.size()) +
         " different sets of logical processors";
}

void add_cpu(const TopologyHost& host, const Cpu& cpu, std::vector<TreeLine>& lines) {
  lines.push_back({0, cpu_title(cpu), {}});
  const std::string caches = caches_text(cpu, kSmallestCache - 1);
  if (!caches.empty()) lines.push_back({1, caches, {}});
  if (!cpu.ranks.empty()) lines.push_back({1, cpu_ranks_text(cpu), {}});
  for (const Net& net : cpu.nets) lines.push_back({1, net.name, {"", ports_text({net})}});
  add_devices(host, cpu.devices, 1, lines);
}

// ---- hosts

std::vector<int> ranks_of(const TopologyHost& host) {
  std::vector<int> ranks;
  for (const Cpu& cpu : host.cpus) {
    for (const CpuRank& rank : cpu.ranks) ranks.push_back(rank.rank);
  }
  for (const HostGpu& gpu : gpus_of(host)) {
    if (gpu.gpu->rank >= 0) ranks.push_back(gpu.gpu->rank);
  }
  return ranks;
}

std::string with_ranks(const std::string& name, const std::vector<int>& ranks) {
  return ranks.empty() ? name : name + " (" + ranks_text(ranks) + ")";
}

std::string fabric_text(const Topology& topology, const std::vector<int>& group) {
  std::vector<std::string> fabrics;
  for (const int host : group)
    fabrics.push_back(topology.hosts[static_cast<std::size_t>(host)].fabric);
  std::sort(fabrics.begin(), fabrics.end());
  fabrics.erase(std::unique(fabrics.begin(), fabrics.end()), fabrics.end());
  if (fabrics.front().empty()) return "";
  if (fabrics.size() > 1) return "in " + std::to_string(fabrics.size()) + " NVLink fabrics";
  return group.size() == 1 ? "in an NVLink fabric" : "in one NVLink fabric";
}

std::string group_names(const Topology& topology, const std::vector<int>& group) {
  std::vector<std::string> names;
  for (const int host : group) {
    if (names.size() == kMostNames) break;
    names.push_back(with_ranks(host_name(topology, host),
                               ranks_of(topology.hosts[static_cast<std::size_t>(host)])));
  }
  const std::size_t more = group.size() - names.size();
  return joined(names) + (more == 0 ? "" : " and " + std::to_string(more) + " more");
}

// The first line of a group. Ranks stand in the tree where there is one host only.
std::string group_title(const Topology& topology, const std::vector<int>& group) {
  const std::string fabric = fabric_text(topology, group);
  const std::string behind = fabric.empty() ? "" : ", " + fabric;
  if (group.size() == 1) return host_name(topology, group[0]) + behind + "\n";
  return std::to_string(group.size()) + " hosts alike" + behind + ": " +
         group_names(topology, group) + "\n" + host_name(topology, group[0]) + ", as the others\n";
}

std::string host_tree(const TopologyHost& host) {
  std::vector<TreeLine> lines;
  for (const Cpu& cpu : host.cpus) add_cpu(host, cpu, lines);
  return tree_text(lines);
}

}  // namespace

std::string to_text(const Topology& topology) {
  std::string text;
  for (const std::vector<int>& group : alike_hosts(topology)) {
    if (!text.empty()) text += "\n";
    text += group_title(topology, group) +
            host_tree(topology.hosts[static_cast<std::size_t>(group[0])]);
  }
  return text;
}

}  // namespace tutti
