// Checks of this host's ways to other hosts. Pure. Tested by cli_doctor_test.cc.

#pragma once

#include <string>
#include <vector>

#include "cli/doctor_findings.h"
#include "tutti/diagnostics.h"

namespace tutti::cli::doctor {

/// A line a device: its speed, its network, and whether and why it is used.
std::string device_table(const std::vector<NetworkDevice>& devices);

/// Whether UCX is there, and what it can send.
std::vector<Finding> check_ucx(const NetworkReport& report);

/// How other hosts are reached, and what is there and not used.
std::vector<Finding> check_devices(const NetworkReport& report);

/// All of the above.
std::vector<Finding> check_network(const NetworkReport& report);

}  // namespace tutti::cli::doctor
