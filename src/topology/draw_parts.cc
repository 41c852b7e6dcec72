// Tested by topology_draw_test.cc.

#include "topology/draw_parts.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "topology/link_ends.h"
#include "topology/part_names.h"
#include "topology/words.h"

namespace tutti::drawing {
namespace {

// What boxes say, and how their ids begin.
struct Naming {
  std::string prefix;
  bool model = false;       // of processors
  bool generation = false;  // of GPUs
};

Box sized(std::string id, BoxKind kind, std::vector<std::string> lines) {
  std::erase_if(lines, [](const std::string& line) { return line.empty(); });
  Box box{std::move(id), kind, std::move(lines)};
  box.width = width_for(box.lines);
  box.height = height_for(box.lines);
  return box;
}

bool is_shown(const PciDevice& device) {
  return device.gpu || !device.nets.empty() ||
         std::any_of(device.devices.begin(), device.devices.end(), is_shown);
}

// From 1, a lane of the first generation, to 3: proportional to the logarithm of bandwidth.
double thickness_of(const PciDevice& device) {
  const double transfers = std::strtod(device.link_speed.c_str(), nullptr);
  const double speed = std::max(1.0, transfers * device.link_width);
  return 1 + std::log2(speed) / 5;
}

Part port_part(const std::string& prefix, const Net& net) {
  return {.box = sized(prefix + net.name, BoxKind::kNet,
                       {net.name, speed_text(net.speed), net.rdma ? "RDMA" : ""})};
}

std::string port_names(const std::vector<Net>& nets) {
  if (nets.size() == 1) return nets.front().name;
  return nets.front().name + " … " + nets.back().name;
}

Part adapter_part(const std::string& prefix, const PciDevice& device) {
  const std::vector<Net>& nets = device.nets;
  if (nets.size() == 1) return port_part(prefix, nets.front());
  const bool rdma = std::any_of(nets.begin(), nets.end(), [](const Net& net) { return net.rdma; });
  return {.box = sized(prefix + device.bus, BoxKind::kNet,
                       {port_names(nets),
                        std::to_string(nets.size()) + " × " + speed_text(nets.front().speed),
                        rdma ? "RDMA" : ""})};
}

Part gpu_part(const Naming& naming, const Gpu& gpu) {
  Part part{.box = sized(gpu_id(naming.prefix, gpu.device), BoxKind::kGpu,
                         {"GPU" + std::to_string(gpu.device),
                          naming.generation ? gpu_generation(gpu.sm) : "",
                          gpu.rank < 0 ? "" : ranks_text({gpu.rank})})};
  part.gpu = gpu.device;
  return part;
}

double c2c_bandwidth(const Gpu& gpu) {
  double megabytes = 0;
  for (const C2cLinks& c2c : gpu.c2c) megabytes += static_cast<double>(c2c.bandwidth) * c2c.count;
  return megabytes / 1000;
}

Part device_part(const Naming& naming, const PciDevice& device) {
  Part part;
  if (device.gpu) {
    part = gpu_part(naming, *device.gpu);
  } else if (!device.nets.empty()) {
    part = adapter_part(naming.prefix, device);
  } else {
    part.box = sized(naming.prefix + device.bus, BoxKind::kSwitch,
                     {device_kind(device), short_bus(device.bus)});
  }
  part.link = link_text(device);
  part.thickness = thickness_of(device);
  if (device.gpu && !device.gpu->c2c.empty()) {
    part.link = "C2C " + bandwidth_text(c2c_bandwidth(*device.gpu));
    part.link_kind = WireKind::kC2c;
    part.thickness = 5;
  }
  for (const PciDevice& behind : device.devices) {
    if (is_shown(behind)) part.below.push_back(device_part(naming, behind));
  }
  return part;
}

std::string cpu_ranks(const Cpu& cpu) {
  std::vector<int> ranks;
  for (const CpuRank& rank : cpu.ranks) ranks.push_back(rank.rank);
  return ranks_text(ranks);
}

Part cpu_part(const Naming& naming, const Cpu& cpu) {
  const std::string name = "CPU" + std::to_string(cpu.numa);
  constexpr int kSecondLevel = 2;  // smaller caches are in the text
  Part part{.box =
                sized(naming.prefix + name, BoxKind::kCpu,
                      {name, naming.model ? processor_model(cpu) : "", cores_text(cpu),
                       caches_text(cpu, kSecondLevel),
                       cpu.memory_bytes == 0 ? "" : bytes_text(cpu.memory_bytes), cpu_ranks(cpu)})};
  part.package = cpu.package;
  for (const PciDevice& device : cpu.devices) {
    if (is_shown(device)) part.below.push_back(device_part(naming, device));
  }
  for (const Net& net : cpu.nets) part.below.push_back(port_part(naming.prefix, net));
  return part;
}

// The only one of all texts; "" where they differ.
std::string common(const std::set<std::string>& texts) {
  return texts.size() == 1 ? *texts.begin() : "";
}

}  // namespace

std::string common_model(const TopologyHost& host) {
  std::set<std::string> models;
  for (const Cpu& cpu : host.cpus) models.insert(processor_model(cpu));
  return common(models);
}

std::string common_generation(const TopologyHost& host) {
  std::set<std::string> generations;
  for (const HostGpu& gpu : gpus_of(host)) generations.insert(gpu_generation(gpu.gpu->sm));
  return common(generations);
}

std::vector<Part> parts_of(const TopologyHost& host, const std::string& prefix) {
  const Naming naming{prefix, common_model(host).empty(), common_generation(host).empty()};
  std::vector<Part> parts;
  for (const Cpu& cpu : host.cpus) parts.push_back(cpu_part(naming, cpu));
  return parts;
}

std::string gpu_id(const std::string& prefix, int gpu) {
  return prefix + "GPU" + std::to_string(gpu);
}

}  // namespace tutti::drawing
