// Sources: pidfd_getfd(2), ptrace(2) ("ptrace access mode checking"), the kernel's
// Documentation/admin-guide/LSM/Yama.rst. Tested by device_test.cc.

#include "device/foreign_file.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/texts.h"

#ifndef SYS_pidfd_open  // Linux 5.3
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd  // Linux 5.6
#define SYS_pidfd_getfd 438
#endif

namespace tutti {
namespace {

// Whom Yama lets trace whom; "" where there is no Yama, and the user decides alone.
std::string yama_scope() { return first_line("/proc/sys/kernel/yama/ptrace_scope"); }

std::string name_of(int process, int number) {
  return "descriptor " + std::to_string(number) + " of process " + std::to_string(process);
}

Status refused(int process, int number, int error) {
  std::string text =
      "cannot get " + name_of(process, number) + ": " + std::generic_category().message(error);
  if (error == ENOSYS) return {Code::kNotSupported, text + "; it needs Linux 5.6"};
  if (error != EPERM && error != EACCES) return {Code::kSystem, text};
  text +=
      "; it needs the permission to trace that process: CAP_SYS_PTRACE, or the same user with "
      "kernel.yama.ptrace_scope 0";
  if (!yama_scope().empty()) text += " (it is " + yama_scope() + ")";
  return {Code::kNotSupported, text};
}

}  // namespace

Result<Descriptor> descriptor_of(int process, int number) {
  const Descriptor owner(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  if (!owner.valid()) return refused(process, number, errno);
  Descriptor mine(static_cast<int>(syscall(SYS_pidfd_getfd, owner.number(), number, 0)));
  if (!mine.valid()) return refused(process, number, errno);
  return mine;
}

bool descriptors_can_be_had() {
  const std::string scope = yama_scope();
  return scope.empty() || scope == "0";
}

Result<Descriptor> reopen(int process, int number) {
  const std::string path = "/proc/" + std::to_string(process) + "/fd/" + std::to_string(number);
  Descriptor mine(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!mine.valid()) return refused(process, number, errno);
  return mine;
}

}  // namespace tutti
