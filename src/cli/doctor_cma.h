// Check of CMA, reading another process's memory (process_vm_readv). Tutti maps shared memory and
// has no need of it; UCX and Open MPI copy large messages between processes of a host with it, and
// people ask why their other library is slow. Tested by cli_doctor_memory_test.cc.

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

struct CmaRights {
  std::string failure = {};       // of reading this process's own memory; "" where it works
  std::optional<long> yama = {};  // kernel.yama.ptrace_scope; nothing: the kernel has no Yama
  bool may_trace = false;         // CAP_SYS_PTRACE
};

CmaRights read_cma_rights(const std::filesystem::path& proc);

Findings check_cma(const CmaRights& rights);

}  // namespace tutti::cli::doctor
