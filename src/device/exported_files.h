// Descriptors by which other processes get this one's memory: open until withdrawn, or until the
// memory ends. Any number of threads at once. Tested by device_test.cc.

#pragma once

#include <mutex>
#include <vector>

#include "device/descriptor.h"
#include "device/device.h"

namespace tutti {

class ExportedFiles {
 public:
  /// What to tell of the allocation.
  SharedMemory add(const Allocation& allocation, Descriptor file);
  /// Nothing happens when it was withdrawn already.
  void withdraw(const SharedMemory& shared);
  /// All of an allocation that ends.
  void withdraw_all(std::uint64_t identity);

 private:
  struct Export {
    std::uint64_t identity = 0;
    Descriptor file;
  };

  std::mutex mutex_;
  std::vector<Export> exports_;
};

}  // namespace tutti
