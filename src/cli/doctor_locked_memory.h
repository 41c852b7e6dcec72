// Check of how much memory may be locked, which RDMA does with every buffer that it registers.
// Tested by cli_doctor_memory_test.cc.

#pragma once

#include <filesystem>
#include <optional>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

struct LockedMemory {
  std::optional<long> limit = {};  // bytes a process (ulimit -l); nothing: unlimited
  bool is_exempt = false;          // this process has CAP_IPC_LOCK
};

LockedMemory read_locked_memory(const std::filesystem::path& proc);

Findings check_locked_memory(const LockedMemory& memory, bool has_rdma);

}  // namespace tutti::cli::doctor
