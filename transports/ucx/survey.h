// Every network device of this host, and why it does or does not carry traffic between hosts.
//
// find_devices() and choose_rails() decide; this explains, also about devices that they do not even
// consider. Tested by ucx_survey_test.cc.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "transports/ucx/devices.h"

namespace tutti::ucx {

struct Surveyed {
  Device device;
  bool is_chosen = false;
  bool is_excluded = false;  // by an option; without it, it might be chosen
  std::string why_not;       // "loopback", "slower than eth1"; "" when it is chosen

  bool operator==(const Surveyed&) const = default;
};

/// The devices that were found, with what became of each. `interface` and `wanted` as in Options;
/// `rails` is what was chosen from them.
std::vector<Surveyed> explain_choice(const std::vector<Device>& devices,
                                     const std::vector<RailDevices>& rails,
                                     const std::string& interface, const std::string& wanted);

/// Hardware that cannot be used as it is: RDMA ports that are not active, interfaces without an
/// address. `sys` is /sys, or a tree like it.
std::vector<Surveyed> find_unusable(const std::filesystem::path& sys,
                                    const std::vector<Device>& usable);

}  // namespace tutti::ucx
