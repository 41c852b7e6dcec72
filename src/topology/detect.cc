#include "topology/detect.h"

#include <unistd.h>

#include <algorithm>

#include "base/texts.h"

namespace tutti {
namespace {

// What the system says of a device, and what NVML says where that knows more: in virtual machines
// the system often has no links, and in some containers no PCI devices at all.
void complete(PciDevice& device, const PciDevice& by_nvml) {
  const auto fill = [](std::string& mine, const std::string& theirs) {
    if (mine.empty()) mine = theirs;
  };
  fill(device.class_code, by_nvml.class_code);
  fill(device.vendor, by_nvml.vendor);
  fill(device.device, by_nvml.device);
  fill(device.subsystem_vendor, by_nvml.subsystem_vendor);
  fill(device.subsystem_device, by_nvml.subsystem_device);
  fill(device.link_speed, by_nvml.link_speed);
  if (device.link_width == 0) device.link_width = by_nvml.link_width;
}

void number_ports(std::vector<Net>& nets, int& next) {
  for (Net& net : nets) net.device = next++;
}

void number_ports(std::vector<PciDevice>& devices, int& next) {
  for (PciDevice& device : devices) {
    number_ports(device.nets, next);
    number_ports(device.devices, next);
  }
}

// In the order of the tree, as people and XML read it.
void number_ports(TopologyHost& host) {
  int next = 0;
  for (Cpu& cpu : host.cpus) number_ports(cpu.devices, next);
  for (Cpu& cpu : host.cpus) number_ports(cpu.nets, next);
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Processors look_at_processors() {
  Result<Processors> found = processors_by_hwloc();
  if (found.ok()) return std::move(*found);
  Processors plain = processors_by_system("/");
  plain.notes.insert(plain.notes.begin(),
                     "processors are those that the system lists: " + found.status().message());
  return plain;
}

}  // namespace

TopologyReport assemble(const PciSystem& pci, const Processors& processors, const FoundPorts& ports,
                        const FoundGpus& gpus) {
  TopologyReport report;
  TopologyHost& host = report.topology.hosts.emplace_back();
  host.cpus = processors.cpus;
  host.fabric = gpus.fabric;
  PciTree tree(pci, processors.numa_of_pci, host.cpus);
  for (const FoundGpu& found : gpus.gpus) {
    PciDevice& device = tree.place(found.pci.bus);
    complete(device, found.pci);
    device.gpu = found.gpu;
  }
  for (const FoundPort& found : ports.ports) {
    std::vector<Net>& nets =
        found.bus.empty() ? host.cpus.front().nets : tree.place(found.bus).nets;
    nets.push_back(found.net);
  }
  number_ports(host);
  for (const auto* notes : {&processors.notes, &ports.notes, &gpus.notes}) {
    report.notes.insert(report.notes.end(), notes->begin(), notes->end());
  }
  return report;
}

void keep_ports(FoundPorts& ports, const std::string& net_devices) {
  const std::vector<std::string> wanted = split(net_devices);
  if (wanted.empty()) return;
  for (const std::string& name : wanted) {
    const auto has_name = [&](const FoundPort& port) { return port.net.name == name; };
    if (std::any_of(ports.ports.begin(), ports.ports.end(), has_name)) continue;
    ports.notes.push_back("net_devices: \"" + name + "\" is no port to other hosts here");
  }
  std::erase_if(ports.ports, [&](const FoundPort& port) {
    return std::find(wanted.begin(), wanted.end(), port.net.name) == wanted.end();
  });
}

Result<TopologyReport> detect_topology(const Options& options) {
  const PciSystem pci("/");
  FoundPorts ports = find_ports("/", interfaces());
  keep_ports(ports, options.net_devices);
  FoundGpus gpus = find_gpus("/", pci);
  const bool is_reachable = has_gpu_direct("/");
  for (FoundGpu& found : gpus.gpus) found.gpu.rdma = is_reachable;
  TopologyReport report = assemble(pci, look_at_processors(), ports, gpus);
  report.topology.hosts[0].name = options.host.empty() ? host_name() : options.host;
  return report;
}

}  // namespace tutti
