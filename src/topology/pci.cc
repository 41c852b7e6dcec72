// Source: Documentation/ABI/testing/sysfs-bus-pci of Linux; the shape of the tree, and what counts
// as a device's link, as in NCCL 2.30 (src/graph/xml.cc).

#include "topology/pci.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/texts.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

bool is_hex(char character) { return std::isxdigit(static_cast<unsigned char>(character)) != 0; }

// "16.0 GT/s PCIe" is 16; 0 where the system does not know ("Unknown").
double speed_in(const std::string& text) { return std::atof(text.c_str()); }

std::string slower(const std::string& a, const std::string& b) {
  if (speed_in(a) <= 0 || speed_in(b) <= 0) return speed_in(a) > 0 ? a : speed_in(b) > 0 ? b : "";
  return speed_in(b) < speed_in(a) ? b : a;
}

// 0 where the system does not know; it also writes 255 for that.
int width_in(const fs::path& file) {
  const int width = std::atoi(first_line(file).c_str());
  return width < 0 || width > 32 ? 0 : width;
}

int narrower(int a, int b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

// Switches that Broadcom's driver has linked beside the tree.
std::vector<std::string> switch_links(const fs::path& root, const std::string& bus) {
  std::vector<std::string> links;
  for (const fs::path& entry :
       entries_of(root / "sys/kernel/pci_switch_link/virtual_switch_links" / bus)) {
    if (is_bus_id(entry.filename().string())) links.push_back(entry.filename());
  }
  return links;
}

// The device of that id in an ordered list; made where it is not there.
PciDevice& device_in(std::vector<PciDevice>& devices, const std::string& bus,
                     const PciSystem& system) {
  const auto before = [](const PciDevice& device, const std::string& id) {
    return device.bus < id;
  };
  auto at = std::lower_bound(devices.begin(), devices.end(), bus, before);
  if (at == devices.end() || at->bus != bus) at = devices.insert(at, system.describe(bus));
  return *at;
}

}  // namespace

bool is_bus_id(std::string_view text) {
  // Domains have four digits, or more where a driver makes up domains of its own.
  const std::size_t domain = std::min(text.find(':'), text.size());
  if (domain < 4 || domain > 8 || text.size() != domain + 8) return false;
  const std::string_view rest = text.substr(domain);
  return std::all_of(text.begin(), text.begin() + static_cast<long>(domain), is_hex) &&
         is_hex(rest[1]) && is_hex(rest[2]) && rest[3] == ':' && is_hex(rest[4]) &&
         is_hex(rest[5]) && rest[6] == '.' && is_hex(rest[7]);
}

std::string pci_device_of(const fs::path& path) {
  std::error_code none;
  std::string found;
  for (const fs::path& part : fs::canonical(path, none)) {
    if (is_bus_id(part.string())) found = part;
  }
  return found;
}

fs::path PciSystem::folder_of(const std::string& bus) const {
  std::error_code none;
  return fs::canonical(root_ / "sys/bus/pci/devices" / bus, none);
}

// From the device up, every second port: the downstream port of a switch is skipped, its upstream
// port taken; at the top the root port is skipped.
std::vector<std::string> PciSystem::way_to(const std::string& bus) const {
  std::vector<std::string> way = {bus};
  fs::path at = folder_of(bus).parent_path();
  for (bool is_skipped = true; is_bus_id(at.filename().string()); is_skipped = !is_skipped) {
    if (!is_skipped) way.push_back(at.filename());
    at = at.parent_path();
  }
  std::reverse(way.begin(), way.end());
  return way;
}

PciDevice PciSystem::describe(const std::string& bus) const {
  PciDevice device;
  device.bus = bus;
  const fs::path folder = folder_of(bus);
  if (folder.empty()) return device;
  device.class_code = first_line(folder / "class");
  device.vendor = first_line(folder / "vendor");
  device.device = first_line(folder / "device");
  device.subsystem_vendor = first_line(folder / "subsystem_vendor");
  device.subsystem_device = first_line(folder / "subsystem_device");
  const fs::path port = folder.parent_path();
  device.link_speed =
      slower(first_line(folder / "max_link_speed"), first_line(port / "max_link_speed"));
  device.link_width =
      narrower(width_in(folder / "max_link_width"), width_in(port / "max_link_width"));
  device.links = switch_links(root_, bus);
  return device;
}

int PciSystem::numa_of(const std::string& bus) const {
  const std::string text = first_line(folder_of(bus) / "numa_node");
  return text.empty() ? -1 : std::atoi(text.c_str());
}

Cpu& PciTree::cpu_of(const std::string& bus) const {
  const auto known = numa_of_.find(bus);
  const int numa = known == numa_of_.end() ? system_.numa_of(bus) : known->second;
  const auto found =
      std::find_if(cpus_.begin(), cpus_.end(), [numa](const Cpu& cpu) { return cpu.numa == numa; });
  return found == cpus_.end() ? cpus_.front() : *found;
}

PciDevice& PciTree::place(const std::string& bus) {
  const std::vector<std::string> way = system_.way_to(bus);
  PciDevice* at = &device_in(cpu_of(bus).devices, way.front(), system_);
  for (std::size_t i = 1; i < way.size(); ++i) at = &device_in(at->devices, way[i], system_);
  return *at;
}

}  // namespace tutti
