// Network devices, from the system. Tested by ucx_devices_test.cc.

#include "transports/ucx/devices.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/texts.h"
#include "bootstrap/address.h"

namespace tutti::ucx {
namespace {

namespace fs = std::filesystem;

// Active ports of RDMA devices: "mlx5_0:1".
std::vector<Device> rdma_devices() {
  std::vector<Device> devices;
  std::error_code none;
  for (const auto& device : fs::directory_iterator("/sys/class/infiniband", none)) {
    for (const auto& port : fs::directory_iterator(device.path() / "ports", none)) {
      if (first_line(port.path() / "state").find("ACTIVE") == std::string::npos) continue;
      Device found;
      found.name = device.path().filename().string() + ":" + port.path().filename().string();
      found.is_rdma = true;
      found.speed = 1000 * std::atol(first_line(port.path() / "rate").c_str());
      devices.push_back(found);
    }
  }
  std::sort(devices.begin(), devices.end(),
            [](const Device& a, const Device& b) { return a.name < b.name; });
  return devices;
}

// "10.77.0.0/24", of the first IPv4 address, else of an IPv6 one.
std::string network_of(const std::string& interface) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return "";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::string network;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const int family = entry->ifa_addr == nullptr ? AF_UNSPEC : entry->ifa_addr->sa_family;
    if (interface != entry->ifa_name || (family != AF_INET && family != AF_INET6)) continue;
    if (family == AF_INET6 && !network.empty()) continue;
    Address address = address_of(entry->ifa_addr);
    const Address mask = address_of(entry->ifa_netmask);
    int bits = 0;
    for (std::size_t i = family == AF_INET ? 12 : 0; i < address.ip.size(); ++i) {
      address.ip[i] &= mask.ip[i];
      bits += __builtin_popcount(mask.ip[i]);
    }
    network = address.to_string() + "/" + std::to_string(bits);
    if (family == AF_INET) break;
  }
  return network;
}

std::string list_names(const std::vector<Device>& devices) {
  std::string text;
  for (const Device& device : devices) text += (text.empty() ? "" : ", ") + device.name;
  return text.empty() ? "none" : text;
}

std::vector<RailDevices> rails_on(const std::vector<Device>& devices) {
  std::vector<RailDevices> rails;
  RailDevices rdma{.names = "", .is_rdma = true, .network = ""};
  for (const Device& device : devices) {
    if (device.is_rdma) {
      rdma.names += (rdma.names.empty() ? "" : ",") + device.name;
    } else {
      rails.push_back({device.name, false, device.network});
    }
  }
  if (!rdma.names.empty()) rails = {rdma};
  return rails;
}

std::vector<Device> fastest(const std::vector<Device>& devices) {
  std::vector<Device> preferred;
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(preferred),
               [](const Device& device) { return device.is_preferred; });
  long best = 0;
  for (const Device& device : preferred) best = std::max(best, device.speed);
  std::erase_if(preferred,
                [best](const Device& d) { return !d.is_rdma && d.speed != 0 && d.speed < best; });
  return preferred;
}

}  // namespace

Result<std::vector<Device>> find_devices(const std::string& interface) {
  const Result<std::vector<std::string>> preferred = local_interfaces(interface);
  if (!preferred.ok()) return preferred.status();
  std::vector<Device> devices = rdma_devices();
  for (Device& device : devices) device.is_preferred = interface.empty();
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> owner(if_nameindex(),
                                                                                &if_freenameindex);
  for (const struct if_nameindex* at = owner.get(); at != nullptr && at->if_index != 0; ++at) {
    Device device;
    device.name = at->if_name;
    device.network = network_of(device.name);
    if (device.network.empty()) continue;  // no address
    device.is_preferred = std::count(preferred->begin(), preferred->end(), device.name) != 0;
    device.speed =
        std::max(0L, std::atol(first_line("/sys/class/net/" + device.name + "/speed").c_str()));
    devices.push_back(device);
  }
  return devices;
}

Result<std::vector<RailDevices>> choose_rails(const std::vector<Device>& devices,
                                              const std::string& wanted) {
  std::vector<Device> chosen;
  for (const std::string& name : split(wanted)) {
    const auto named = [&](const Device& device) { return device.name == name; };
    const auto found = std::find_if(devices.begin(), devices.end(), named);
    if (found == devices.end()) {
      return {Code::kInvalidArgument, "net_devices: this host has no network device \"" + name +
                                          "\"; it has " + list_names(devices)};
    }
    chosen.push_back(*found);
  }
  if (wanted.empty()) chosen = fastest(devices);
  if (chosen.empty()) {
    return {Code::kNotSupported,
            "net_devices: this host has no network device to use; it has " + list_names(devices)};
  }
  return rails_on(chosen);
}

}  // namespace tutti::ucx
