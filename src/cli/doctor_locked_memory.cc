// Tested by cli_doctor_memory_test.cc.

#include "cli/doctor_locked_memory.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {

LockedMemory read_locked_memory(const std::filesystem::path& proc) {
  LockedMemory memory;
  rlimit limit = {};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    memory.limit = static_cast<long>(limit.rlim_cur);
  }
  memory.is_exempt = has_capability(proc, kCapabilityIpcLock);
  return memory;
}

Findings check_locked_memory(const LockedMemory& memory, bool has_rdma) {
  if (!memory.limit) return {good("memory may be locked without limit (ulimit -l), for RDMA")};
  const std::string what = fmt::format("at most {} of memory may be locked (ulimit -l)",
                                       bytes_text(static_cast<double>(*memory.limit)));
  if (!has_rdma) {
    return {{Severity::kNote, what, "nothing here: only RDMA locks memory, and there is none", ""}};
  }
  if (memory.is_exempt) return {good(what + "; CAP_IPC_LOCK lifts that")};
  return {{Severity::kCosts, what,
           "RDMA locks all buffers that it registers: more of them cannot be registered, and calls "
           "on them are slow or fail",
           "ulimit -l unlimited where ranks start: \"* - memlock unlimited\" in "
           "/etc/security/limits.conf; LimitMEMLOCK=infinity for slurmd; docker --ulimit "
           "memlock=-1"}};
}

}  // namespace tutti::cli::doctor
