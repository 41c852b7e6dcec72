// Memory of other processes that this one has mapped: each allocation once, however often it is
// asked for. Any number of threads at once. Tested by device_test.cc.

#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "device/device.h"

namespace tutti {

class Imports {
 public:
  using Map = std::function<Result<std::byte*>(const SharedMemory&)>;
  using Unmap = std::function<void(const SharedMemory&, std::byte* memory)>;

  /// `map` is called where nobody has the allocation yet.
  Result<std::byte*> open(const SharedMemory& shared, const Map& map);
  /// `unmap` is called for the last who had it. REQUIRES: `memory` is what open() answered.
  void close(std::byte* memory, const Unmap& unmap);
  /// For those whom nobody closed.
  void close_all(const Unmap& unmap);
  /// Whether the address is in one of them.
  bool hold(const void* address) const;

 private:
  struct Import {
    SharedMemory shared;
    std::byte* memory = nullptr;
    int users = 0;
  };

  mutable std::mutex mutex_;
  std::vector<Import> imports_;
};

}  // namespace tutti
