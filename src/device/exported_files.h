// Files by which other processes get this one's memory: given to whom this process invites
// (files/handover.h) until withdrawn, or until the memory ends. Any number of threads at once.
// Tested by device_test.cc.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "device/device.h"
#include "files/descriptor.h"
#include "files/handover.h"

namespace tutti {

class ExportedFiles {
 public:
  /// What to tell of the allocation. The first opens the door, and starts the thread behind it.
  Result<SharedMemory> add(const Allocation& allocation, Descriptor file);
  /// Nothing happens when it was withdrawn already.
  void withdraw(const SharedMemory& shared);
  /// All of an allocation that ends.
  void withdraw_all(std::uint64_t identity);

 private:
  struct Export {
    std::uint64_t number = 0;
    std::uint64_t identity = 0;
    Descriptor file;
  };

  Status open_door();
  Descriptor find(std::uint64_t number);

  std::mutex mutex_;
  std::uint64_t numbers_ = 0;  // given so far: none is used again
  std::vector<Export> exports_;
  std::unique_ptr<Handover> door_;  // its thread asks for what is above
};

/// The file behind another process's memory, of kind kFile. Waits for that process, not for long.
Result<Descriptor> file_behind(const SharedMemory& shared);

}  // namespace tutti
