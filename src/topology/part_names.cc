// Tested by topology_text_test.cc.

#include "topology/part_names.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <set>

#include "topology/words.h"

namespace tutti {
namespace {

std::string known_vendor(const std::string& vendor) {
  if (vendor == "GenuineIntel") return "Intel";
  if (vendor == "AuthenticAMD") return "AMD";
  return vendor;
}

struct VendorName {
  std::string_view id;
  std::string_view name;
};

// https://pci-ids.ucw.cz: those that data centres are full of.
constexpr std::array<VendorName, 14> kVendors = {{
    {"0x1000", "Broadcom"},
    {"0x1002", "AMD"},
    {"0x1022", "AMD"},
    {"0x10b5", "PLX"},
    {"0x10de", "NVIDIA"},
    {"0x1414", "Microsoft"},
    {"0x144d", "Samsung"},
    {"0x14e4", "Broadcom"},
    {"0x15b3", "NVIDIA"},  // Mellanox
    {"0x17cb", "Qualcomm"},
    {"0x1ae0", "Google"},
    {"0x1af4", "virtio"},
    {"0x1d0f", "Amazon"},
    {"0x8086", "Intel"},
}};

std::string vendor_name(const std::string& id) {
  const auto found =
      std::find_if(kVendors.begin(), kVendors.end(), [&](const auto& v) { return v.id == id; });
  return found == kVendors.end() ? "" : std::string(found->name);
}

// PCI classes, the longest beginning that fits (PCI Code and ID Assignment, revision 1.11).
constexpr std::array<VendorName, 12> kClasses = {{
    {"0x0108", "NVMe drive"},
    {"0x01", "storage"},
    {"0x0207", "InfiniBand adapter"},
    {"0x02", "network adapter"},
    {"0x0302", "GPU"},
    {"0x03", "display"},
    {"0x05", "memory"},
    {"0x0604", "PCI switch"},
    {"0x0680", "NVSwitch"},
    {"0x06", "bridge"},
    {"0x0c03", "USB controller"},
    {"0x12", "accelerator"},
}};

struct Core {
  int number = 0;
  int threads = 0;
};

std::vector<Core> cores_of(const Cpu& cpu) {
  std::vector<Core> cores;
  for (const int number : cpu.cores) {
    const auto known = std::find_if(cores.begin(), cores.end(),
                                    [&](const Core& core) { return core.number == number; });
    if (known == cores.end()) {
      cores.push_back({number, 1});
    } else {
      ++known->threads;
    }
  }
  return cores;
}

// Caches that differ in nothing but whose they are.
struct CacheKind {
  int level = 0;
  std::size_t bytes = 0;
  int count = 0;
};

std::vector<CacheKind> cache_kinds(const Cpu& cpu) {
  std::vector<CacheKind> kinds;
  for (const Cache& cache : cpu.caches) {
    const auto known = std::find_if(kinds.begin(), kinds.end(), [&](const CacheKind& kind) {
      return kind.level == cache.level && kind.bytes == cache.bytes;
    });
    if (known == kinds.end()) {
      kinds.push_back({cache.level, cache.bytes, 1});
    } else {
      ++known->count;
    }
  }
  return kinds;
}

// The generation whose lanes run at so many GT/s.
std::string pci_generation(const std::string& speed) {
  constexpr std::array<std::pair<double, const char*>, 6> kGenerations = {
      {{2.5, "1.0"}, {5, "2.0"}, {8, "3.0"}, {16, "4.0"}, {32, "5.0"}, {64, "6.0"}}};
  const double transfers = std::strtod(speed.c_str(), nullptr);
  if (transfers <= 0) return "";  // "Unknown", as Linux has it for virtual devices
  for (const auto& [rate, generation] : kGenerations) {
    if (std::abs(transfers - rate) < 0.01) return std::string("PCIe ") + generation;
  }
  return "PCIe at " + speed;
}

}  // namespace

std::string processor_model(const Cpu& cpu) {
  const std::string vendor = known_vendor(cpu.vendor);
  if (vendor.empty()) return cpu.arch;
  if (cpu.family == 0 && cpu.model == 0) return joined({vendor, cpu.arch}, " ");
  return vendor + " family " + std::to_string(cpu.family) + " model " + std::to_string(cpu.model);
}

std::string cores_text(const Cpu& cpu) {
  if (cpu.cpus.empty()) return "";
  const std::vector<Core> cores = cores_of(cpu);
  const int count = static_cast<int>(cores.size());
  if (count == 0) return counted(static_cast<int>(cpu.cpus.size()), "logical processor");
  const int threads = cores.front().threads;
  const bool equal = std::all_of(cores.begin(), cores.end(),
                                 [&](const Core& core) { return core.threads == threads; });
  if (!equal) {
    return counted(count, "core") + " with " + std::to_string(cpu.cpus.size()) + " threads";
  }
  return counted(count, "core") + (threads == 1 ? "" : " × " + counted(threads, "thread"));
}

std::string caches_text(const Cpu& cpu, int below) {
  std::vector<std::string> texts;
  for (const CacheKind& kind : cache_kinds(cpu)) {
    if (kind.level <= below) continue;
    const std::string times = kind.count == 1 ? "" : std::to_string(kind.count) + " × ";
    texts.push_back("L" + std::to_string(kind.level) + " " + times + bytes_text(kind.bytes));
  }
  return joined(texts);
}

std::string link_text(const PciDevice& device) {
  const std::string width =
      device.link_width > 0 ? "×" + std::to_string(device.link_width) : std::string();
  const std::string generation = pci_generation(device.link_speed);
  if (generation.empty() && width.empty()) return "";
  return joined({generation.empty() ? "PCIe" : generation, width}, " ");
}

std::string short_bus(const std::string& bus) {
  return bus.starts_with("0000:") ? bus.substr(5) : bus;
}

std::string device_kind(const PciDevice& device) {
  const auto found = std::find_if(kClasses.begin(), kClasses.end(), [&](const auto& known) {
    return device.class_code.starts_with(known.id);
  });
  if (found == kClasses.end()) {
    const std::string code = device.class_code.empty() ? "" : "of class " + device.class_code;
    return joined({vendor_name(device.vendor), "device", code}, " ");
  }
  if (found->name == "PCI switch" || found->name == "NVSwitch") return std::string(found->name);
  return joined({vendor_name(device.vendor), std::string(found->name)}, " ");
}

std::string gpu_generation(int sm) {
  if (sm == 0) return "";
  struct Generation {
    int first;
    const char* name;
  };
  // CUDA C++ Programming Guide, "Compute Capabilities"; the last whose first is not above.
  constexpr std::array<Generation, 9> kGenerations = {{{120, "Blackwell"},
                                                       {100, "Blackwell"},
                                                       {90, "Hopper"},
                                                       {89, "Ada"},
                                                       {80, "Ampere"},
                                                       {75, "Turing"},
                                                       {70, "Volta"},
                                                       {60, "Pascal"},
                                                       {50, "Maxwell"}}};
  const std::string code = "sm_" + std::to_string(sm);
  for (const Generation& generation : kGenerations) {
    if (sm >= generation.first && sm < 130) return std::string(generation.name) + ", " + code;
  }
  return code;
}

std::string ports_text(const std::vector<Net>& nets) {
  std::set<std::string> kinds;
  for (const Net& net : nets) {
    kinds.insert(joined({speed_text(net.speed), net.speed > 0 ? "" : "counted as 10 Gbit/s",
                         net.rdma ? "RDMA" : "", net.collectives ? "reducing switches" : ""}));
  }
  const bool several_alike = kinds.size() == 1 && nets.size() > 1;
  return (several_alike ? std::to_string(nets.size()) + " × " : "") +
         joined({kinds.begin(), kinds.end()}, " and ");
}

}  // namespace tutti
