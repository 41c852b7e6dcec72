// Numbers by which a device's streams tell this process how far they are, in pinned memory of the
// host. Tested by proxy_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "device/device.h"

namespace tutti {

class PinnedWords final {
 public:
  /// All are 0. `device` must outlive them.
  static Result<std::unique_ptr<PinnedWords>> create(Device& device, std::size_t count);
  /// REQUIRES: no stream uses them any more, or forget().
  ~PinnedWords();
  PinnedWords(const PinnedWords&) = delete;

  /// Pairs with Device::set().
  std::uint32_t load(std::size_t word) const {
    return __atomic_load_n(&memory_[word], __ATOMIC_ACQUIRE);
  }
  /// Its address for the device's streams.
  std::uint32_t* on_device(std::size_t word) const { return on_device_ + word; }

  /// Leaves the memory to streams that may never end: it is not given back.
  void forget() { forgotten_ = true; }

 private:
  PinnedWords(Device& device, std::size_t bytes, std::uint32_t* memory)
      : device_(device), bytes_(bytes), memory_(memory) {}

  Device& device_;
  const std::size_t bytes_;
  std::uint32_t* const memory_;
  std::uint32_t* on_device_ = nullptr;  // null: not pinned
  bool forgotten_ = false;
};

}  // namespace tutti
