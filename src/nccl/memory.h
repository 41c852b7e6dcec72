// ncclMemAlloc() and ncclMemFree(): memory of the current device, or pages of the host where there
// is none. What was given is written down, so that anything else is refused.
//
// Any number of threads. Tested by nccl_arguments_test.cc.

#pragma once

#include <cstddef>
#include <map>
#include <mutex>

#include "tutti/status.h"

namespace tutti::nccl {

class MemoryBook {
 public:
  /// Zeroed on the host. Aligned to NCCL_WIN_REQUIRED_ALIGNMENT.
  Result<void*> allocate(std::size_t bytes);
  Status release(void* memory);

 private:
  struct Entry {
    std::size_t bytes = 0;
    int device = -1;  // -1: the host
  };

  std::mutex mutex_;
  std::map<void*, Entry> entries_;
};

}  // namespace tutti::nccl
