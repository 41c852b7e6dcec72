// Checks of the memory that ranks of a host share: one anonymous file (memfd), larger than what is
// touched of it, which /dev/shm has no part in. Tested by cli_doctor_memory_test.cc.

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

struct SharedMemory {
  std::string failure = {};            // making and mapping an anonymous file; "" where it works
  bool is_filtered = false;            // seccomp decides about this process's system calls
  bool is_strict = false;              // vm.overcommit_memory is 2
  double room = 0;                     // bytes that may still be committed, where it is strict
  long maps = 0;                       // of this process
  std::optional<long> most_maps = {};  // vm.max_map_count
  std::optional<double> shm = {};      // bytes of /dev/shm
};

/// Makes an anonymous file of so many bytes, maps it, and touches a page.
SharedMemory read_shared_memory(const std::filesystem::path& proc, std::size_t bytes);

/// `needed`: bytes that ranks of this host touch in any case.
Findings check_shared_memory(const SharedMemory& memory, double needed);

}  // namespace tutti::cli::doctor
