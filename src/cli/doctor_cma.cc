// Tested by cli_doctor_memory_test.cc.

#include "cli/doctor_cma.h"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

// Only a filter of system calls, or a kernel without the call, forbids that.
std::string try_own_memory() {
  char from = 1, to = 0;
  const iovec local = {&to, 1}, remote = {&from, 1};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 ? "" : std::strerror(errno);
}

Finding forbidden(const std::string& why, const std::string& fix) {
  return {Severity::kNote, "CMA (process_vm_readv) is not allowed: " + why,
          "nothing for Tutti, which maps memory; UCX and Open MPI copy large messages between "
          "processes of a host twice instead of once",
          fix};
}

}  // namespace

CmaRights read_cma_rights(const std::filesystem::path& proc) {
  return {.failure = try_own_memory(),
          .yama = number_in(proc / "sys/kernel/yama/ptrace_scope"),
          .may_trace = has_capability(proc, kCapabilitySysPtrace)};
}

// 1 is what Debian and Ubuntu set: UCX and Open MPI lift it for themselves (PR_SET_PTRACER).
Findings check_cma(const CmaRights& rights) {
  if (!rights.failure.empty()) {
    return {forbidden(rights.failure, "docker --cap-add SYS_PTRACE, or another seccomp profile")};
  }
  const long yama = rights.yama.value_or(0);
  if (yama <= 1 || (yama == 2 && rights.may_trace)) {
    return {good("CMA (process_vm_readv) is allowed; Tutti does not need it, UCX and Open MPI do")};
  }
  return {forbidden(fmt::format("kernel.yama.ptrace_scope is {}", yama),
                    yama == 2 ? "sysctl -w kernel.yama.ptrace_scope=1"
                              : "boot with another kernel.yama.ptrace_scope: 3 cannot be undone")};
}

}  // namespace tutti::cli::doctor
