// Does a process still live? Sure even when its number has been given to another.
//
// A process that has ended but is not yet reaped (a zombie) counts as ended. Tested by shm_test.cc.

#pragma once

#include <sys/types.h>

#include <cstdint>

#include "files/descriptor.h"
#include "tutti/status.h"

namespace tutti::shm {

/// A process of this machine, for ever: numbers are reused, but not at the same time. A value that
/// travels as bytes.
struct ProcessId {
  std::int64_t pid = 0;
  std::uint64_t start = 0;  // clock ticks since boot: field 22 of /proc/PID/stat

  bool operator==(const ProcessId&) const = default;
};

Result<ProcessId> this_process();

class ProcessWatch {
 public:
  explicit ProcessWatch(const ProcessId& process);

  /// One system call where the kernel has pidfd (5.3), a read of /proc otherwise.
  bool alive() const;

 private:
  ProcessId process_;
  Descriptor pidfd_;  // becomes readable when the process ends
};

}  // namespace tutti::shm
