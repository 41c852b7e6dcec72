// Tested by ucx_survey_test.cc.

#include "transports/ucx/survey.h"

#include <algorithm>

#include "base/texts.h"

namespace tutti::ucx {
namespace {

namespace fs = std::filesystem;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> names_on(const std::vector<RailDevices>& rails) {
  std::vector<std::string> all;
  for (const RailDevices& rail : rails) {
    for (const std::string& name : split(rail.names)) all.push_back(name);
  }
  return all;
}

bool is_loopback(const Device& device) {
  return device.network.starts_with("127.") || device.network.starts_with("::1/");
}

std::string fastest_of(const std::vector<Device>& devices) {
  const auto slower = [](const Device& a, const Device& b) { return a.speed < b.speed; };
  return std::max_element(devices.begin(), devices.end(), slower)->name;
}

// REQUIRES: the device was not chosen, and no option excludes it.
std::string why_not(const Device& device, const std::vector<Device>& chosen) {
  if (!device.is_preferred) return is_loopback(device) ? "loopback" : "for containers on this host";
  if (chosen.empty()) return "nothing could be chosen";
  return "slower than " + fastest_of(chosen);
}

// REQUIRES: the device was not chosen.
Surveyed passed_over(const Device& device, const std::vector<Device>& chosen,
                     const std::string& interface, const std::string& wanted) {
  const bool is_named = contains(split(wanted), device.name);
  if (!wanted.empty() && !is_named)
    return {device, false, true, "not in net_devices (" + wanted + ")"};
  if (!device.is_preferred && !is_named && !interface.empty()) {
    return {device, false, true, "not the interface asked for (" + interface + ")"};
  }
  const bool gives_way = is_named || device.is_preferred;
  if (gives_way && !chosen.empty() && chosen[0].is_rdma) {
    return {device, false, false, "RDMA is used instead"};
  }
  return {device, false, false, why_not(device, chosen)};
}

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

// "1: DOWN" in the file means "port is DOWN".
std::string port_state(const fs::path& port) {
  const std::string line = first_line(port / "state");
  const std::size_t colon = line.find(": ");
  return "its port is " + (colon == std::string::npos ? "not active" : line.substr(colon + 2));
}

}  // namespace

std::vector<Surveyed> explain_choice(const std::vector<Device>& devices,
                                     const std::vector<RailDevices>& rails,
                                     const std::string& interface, const std::string& wanted) {
  const std::vector<std::string> names = names_on(rails);
  std::vector<Device> chosen;
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(chosen),
               [&](const Device& device) { return contains(names, device.name); });
  std::vector<Surveyed> all;
  for (const Device& device : devices) {
    all.push_back(contains(names, device.name) ? Surveyed{device, true, false, ""}
                                               : passed_over(device, chosen, interface, wanted));
  }
  return all;
}

std::vector<Surveyed> find_unusable(const fs::path& sys, const std::vector<Device>& usable) {
  const auto is_usable = [&](const std::string& name) {
    return std::any_of(usable.begin(), usable.end(),
                       [&](const Device& device) { return device.name == name; });
  };
  std::vector<Surveyed> found;
  for (const fs::path& device : entries_of(sys / "class/infiniband")) {
    for (const fs::path& port : entries_of(device / "ports")) {
      if (first_line(port / "state").find("ACTIVE") != std::string::npos) continue;
      const std::string name = device.filename().string() + ":" + port.filename().string();
      found.push_back(
          {{.name = name, .is_rdma = true, .network = ""}, false, false, port_state(port)});
    }
  }
  for (const fs::path& interface : entries_of(sys / "class/net")) {
    const std::string name = interface.filename().string();
    if (is_usable(name) || !is_there(interface / "device")) continue;
    found.push_back({{.name = name, .network = ""}, false, false, "it has no address"});
  }
  return found;
}

}  // namespace tutti::ucx
