// Which network devices to use, and how. Tested by ucx_devices_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/status.h"

namespace tutti::ucx {

/// A network device of this host.
struct Device {
  std::string name;  // as UCX names it: "eth0", "mlx5_0:1"
  bool is_rdma = false;
  bool is_preferred = false;  // of the best kind of interface that there is
  long speed = 0;             // Mbit/s; 0: not known
  std::string network;        // of an interface: "10.77.0.0/24"; equal on hosts that it joins

  bool operator==(const Device&) const = default;
};

/// What one rail runs on.
struct RailDevices {
  std::string names;  // separated by commas
  bool is_rdma = false;
  std::string network;  // rails of two hosts meet when it is equal

  bool operator==(const RailDevices&) const = default;
};

/// What this host has. `interface` as in Options: the one preferred; "" for the best there are.
Result<std::vector<Device>> find_devices(const std::string& interface);

/// The rails: all RDMA devices together, if there are any, since UCX bundles them; else one each of
/// the fastest preferred interfaces. `wanted` (names separated by commas) picks devices instead;
/// kInvalidArgument names one that is not there, and those that are.
Result<std::vector<RailDevices>> choose_rails(const std::vector<Device>& devices,
                                              const std::string& wanted);

}  // namespace tutti::ucx
