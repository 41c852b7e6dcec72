// All checks of one host together, as text. Tested by cli_command_test.py.

#pragma once

#include <string>

#include "cli/doctor_findings.h"
#include "tutti/options.h"

namespace tutti::cli::doctor {

struct HostReport {
  std::string host;  // its name
  std::string text;  // devices and findings; equal for hosts that are alike
  Severity worst = Severity::kGood;
  long speed = 0;  // Mbit/s of the devices used, all together; 0: not known
};

/// Looks at this host. Local.
HostReport examine_host(const Options& options);

}  // namespace tutti::cli::doctor
