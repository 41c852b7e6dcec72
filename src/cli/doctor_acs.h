// PCI Access Control Services, which send traffic between devices below one switch up to the
// processor and back. Tested by cli_doctor_gpu_test.cc.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tutti::cli::doctor {

struct AcsFacts {
  bool is_readable = false;                   // configuration beyond 64 bytes: needs root
  std::vector<std::string> redirecting = {};  // bridges with redirection on: "0000:3b:00.0"
};

/// Of all PCI bridges. `sys` is /sys.
AcsFacts read_acs(const std::filesystem::path& sys);

/// Whether a configuration space (up to 4,096 bytes) has redirection of requests or completions
/// on.
bool redirects(const std::string& configuration);

}  // namespace tutti::cli::doctor
