// Checks of what this process may have: processors, memory, threads and descriptors. Tested by
// cli_doctor_limits_test.cc.

#pragma once

#include <optional>

#include "cli/doctor_cgroup.h"
#include "cli/doctor_crew.h"
#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

/// `allowed`: processors on which ranks of this host may run. `wanting`: ranks that want one.
Findings check_processor_quota(const Cgroup& group, int allowed, int wanting);

/// `needed`: bytes that the ranks of this host touch in any case.
Findings check_memory_limit(const Cgroup& group, double needed);

Findings check_task_limit(const Cgroup& group, int ranks_on_host);

/// Of this process, hard (RLIMIT_NOFILE): the library raises the soft one to it.
std::optional<long> descriptor_limit();

Findings check_descriptors(std::optional<long> limit, const Crew& crew);

}  // namespace tutti::cli::doctor
