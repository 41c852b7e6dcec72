// A page of the host's memory that kernels and streams of a device reach.

#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "device/device.h"

namespace tutti::cuda {

/// A T in such memory. Has one owner, whose device outlives it.
template <class T>
class PinnedMemory {
 public:
  static Result<PinnedMemory> make(Device& device) {
    constexpr std::size_t kPage = 4096;
    const std::size_t bytes = (sizeof(T) + kPage - 1) / kPage * kPage;
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(kPage, bytes));
    if (memory == nullptr) {
      return {Code::kSystem, "no memory for " + std::to_string(bytes) + " bytes"};
    }
    Result<std::byte*> pinned = device.pin({memory, bytes});
    if (!pinned.ok()) {
      std::free(memory);
      return pinned.status();
    }
    return PinnedMemory(device, new (memory) T(), reinterpret_cast<T*>(*pinned));
  }

  PinnedMemory(PinnedMemory&& other) noexcept
      : device_(other.device_),
        host_(std::exchange(other.host_, nullptr)),
        on_device_(other.on_device_) {}
  PinnedMemory& operator=(PinnedMemory&&) = delete;
  /// REQUIRES: nothing on any stream uses it any more.
  ~PinnedMemory() {
    if (host_ == nullptr) return;
    device_.unpin(reinterpret_cast<std::byte*>(host_));
    std::free(host_);
  }

  /// Leaves the memory to streams that may never end: it is not given back.
  void forget() { host_ = nullptr; }

  T* host() const { return host_; }
  /// The same memory, for streams and kernels.
  T* on_device() const { return on_device_; }

 private:
  PinnedMemory(Device& device, T* host, T* on_device)
      : device_(device), host_(host), on_device_(on_device) {}

  Device& device_;
  T* host_;
  T* on_device_;
};

}  // namespace tutti::cuda
