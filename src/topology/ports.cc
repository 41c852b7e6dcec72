// Source: Documentation/ABI/{stable/sysfs-class-infiniband,testing/sysfs-class-net} of Linux.

#include "topology/ports.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/texts.h"
#include "topology/pci.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

// Where a link of the system leads: "eth0"; "" where there is none.
std::string target_of(const fs::path& link) {
  std::error_code none;
  return fs::canonical(link, none).filename();
}

// "b83f:d203:00b5:ac08" is "0xb83fd20300b5ac08"; "" where the device has none.
std::string guid_in(const fs::path& file) {
  std::string text = first_line(file);
  std::erase(text, ':');
  return text.find_first_not_of('0') == std::string::npos ? "" : "0x" + text;
}

struct RdmaPort {
  FoundPort port;
  std::string interface;  // over the same wire; "": not known
};

RdmaPort rdma_port(const fs::path& device, const fs::path& folder) {
  RdmaPort found;
  Net& net = found.port.net;
  net.name = device.filename().string() + ":" + folder.filename().string();
  net.port = std::atoi(folder.filename().c_str());
  net.speed = std::lround(1000 * std::atof(first_line(folder / "rate").c_str()));  // of Gbit/s
  net.guid = guid_in(device / "node_guid");
  net.rdma = true;
  found.interface = first_line(folder / "gid_attrs/ndevs/0");
  found.port.bus = pci_device_of(device / "device");
  return found;
}

// "1: DOWN" in the file means "port is DOWN".
std::string state_in(const fs::path& file) {
  const std::string line = first_line(file);
  const std::size_t colon = line.find(": ");
  return colon == std::string::npos ? "not active" : line.substr(colon + 2);
}

std::vector<RdmaPort> rdma_ports(const fs::path& root, std::vector<std::string>& notes) {
  std::vector<RdmaPort> found;
  for (const fs::path& device : entries_of(root / "sys/class/infiniband")) {
    for (const fs::path& port : entries_of(device / "ports")) {
      found.push_back(rdma_port(device, port));
      const std::string state = state_in(port / "state");
      if (state == "ACTIVE") continue;
      notes.push_back(found.back().port.net.name + " is left out: its port is " + state);
      found.pop_back();
    }
  }
  return found;
}

// An interface that is up, as the system describes it.
struct Line {
  std::string name;
  std::string bus;
  long speed = 0;
  bool is_hardware = false;
  bool is_bridge = false;
  std::string master;              // that has taken it over: a bond, a bridge
  std::vector<std::string> lower;  // interfaces that it is made of
};

Line line_of(const fs::path& root, const std::string& name) {
  const fs::path folder = root / "sys/class/net" / name;
  Line line;
  line.name = name;
  line.is_hardware = is_there(folder / "device");
  line.is_bridge = is_there(folder / "bridge");
  line.bus = line.is_hardware ? pci_device_of(folder / "device") : "";
  line.speed = std::max(0L, std::atol(first_line(folder / "speed").c_str()));  // -1: unknown
  line.master = target_of(folder / "master");
  for (const fs::path& entry : entries_of(folder)) {
    const std::string file = entry.filename();
    if (file.starts_with("lower_")) line.lower.push_back(file.substr(6));
  }
  return line;
}

class Wires {
 public:
  Wires(const fs::path& root, std::vector<RdmaPort> rdma, std::vector<Line> lines)
      : root_(root), rdma_(std::move(rdma)), lines_(std::move(lines)) {}

  std::vector<FoundPort> ports() const {
    std::vector<FoundPort> found;
    for (const RdmaPort& port : rdma_) {
      if (!is_part_of_another(port.port.bus)) found.push_back(placed(port));
    }
    for (const Line& line : lines_) {
      if (!has_own_wire(line)) continue;
      FoundPort& port = found.emplace_back();
      port.net.name = line.name;
      port.net.speed = line.speed;
      port.bus = line.bus;
    }
    return found;
  }

 private:
  const Line* find(const std::string& name) const {
    const auto found = std::find_if(lines_.begin(), lines_.end(),
                                    [&](const Line& line) { return line.name == name; });
    return found == lines_.end() ? nullptr : &*found;
  }

  // RDMA made by software has no PCI device of its own: it is where its interface is.
  FoundPort placed(const RdmaPort& port) const {
    FoundPort found = port.port;
    const Line* const line = find(port.interface);
    if (found.bus.empty() && line != nullptr) found.bus = line->bus;
    return found;
  }

  bool is_on_rdma(const Line& line) const {
    for (const RdmaPort& port : rdma_) {
      if (port.interface == line.name) return true;
      if (!line.bus.empty() && port.port.bus == line.bus) return true;
    }
    return std::any_of(line.lower.begin(), line.lower.end(), [&](const std::string& name) {
      const Line* const lower = find(name);
      return lower != nullptr && is_on_rdma(*lower);
    });
  }

  // A virtual function, whose physical one this process can use too.
  bool is_part_of_another(const std::string& bus) const {
    if (bus.empty()) return false;
    const std::string whole = target_of(root_ / "sys/bus/pci/devices" / bus / "physfn");
    if (whole.empty()) return false;
    const auto is_line = [&](const Line& line) { return line.bus == whole; };
    const auto is_port = [&](const RdmaPort& port) { return port.port.bus == whole; };
    return std::any_of(lines_.begin(), lines_.end(), is_line) ||
           std::any_of(rdma_.begin(), rdma_.end(), is_port);
  }

  // A bond or bridge of hardware.
  bool has_taken_hardware(const Line& line) const {
    return std::any_of(lines_.begin(), lines_.end(), [&](const Line& other) {
      return other.is_hardware && other.master == line.name;
    });
  }

  bool is_made_of_others(const Line& line) const {
    return std::any_of(line.lower.begin(), line.lower.end(),
                       [&](const std::string& name) { return find(name) != nullptr; });
  }

  bool has_hardware() const {
    return !rdma_.empty() || std::any_of(lines_.begin(), lines_.end(),
                                         [](const Line& line) { return line.is_hardware; });
  }

  bool has_own_wire(const Line& line) const {
    if (is_on_rdma(line) || find(line.master) != nullptr) return false;
    if (line.is_hardware) return !is_part_of_another(line.bus);
    if (has_taken_hardware(line)) return true;
    return !line.is_bridge && !is_made_of_others(line) && !has_hardware();
  }

  const fs::path& root_;
  const std::vector<RdmaPort> rdma_;
  const std::vector<Line> lines_;
};

}  // namespace

FoundPorts find_ports(const fs::path& root, const std::vector<Interface>& interfaces) {
  FoundPorts found;
  std::vector<RdmaPort> rdma = rdma_ports(root, found.notes);
  std::vector<Line> lines;
  for (const Interface& interface : interfaces) {
    if (interface.is_loopback) continue;
    const Line line = line_of(root, interface.name);
    if (interface.is_up) lines.push_back(line);
    if (interface.is_up || !line.is_hardware) continue;
    found.notes.push_back(interface.name + " is left out: it is down, or its cable is");
  }
  found.ports = Wires(root, std::move(rdma), std::move(lines)).ports();
  return found;
}

}  // namespace tutti
