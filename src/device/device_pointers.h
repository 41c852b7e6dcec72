// Memory that only CUDA's devices reach, in a process that uses CUDA: not for calls on the host.
//
// Tested by bad_input_test.cc.

#pragma once

#include <optional>

namespace tutti {

class DevicePointers {
 public:
  /// Nothing where the process has not loaded NVIDIA's driver: then there is no such memory.
  static std::optional<DevicePointers> of_process();

  /// False for memory of the host, pinned or not, and for managed memory.
  bool hold(const void* address) const;

 private:
  // As of driver.h; Device functions would need a context.
  using Attribute = int (*)(void* answer, int attribute, unsigned long long address);
  explicit DevicePointers(Attribute attribute) : attribute_(attribute) {}

  Attribute attribute_;
};

}  // namespace tutti
