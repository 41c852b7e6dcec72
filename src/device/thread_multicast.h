// Memory of several devices made of threads that is read and written together, as through NVSwitch.
//
// All of it is one file: what the devices know of each other, and then the memory of each in turn.
// A multicast address is no memory here either: it is where the members' addresses are found.
//
// Tested by cuda_multicast_test.cc.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "device/device.h"
#include "device/thread_memory.h"
#include "files/descriptor.h"

namespace tutti {

/// What MulticastMemory::all points to.
struct ThreadMulticastMembers {
  static constexpr int kMost = 16;
  int count = 0;
  std::byte* memory[kMost] = {};  // of each device, in the order of their identifiers
};

class ThreadMulticast final : public DeviceMulticast {
 public:
  using Uuid = std::array<std::uint8_t, 16>;

  static Result<Descriptor> make(std::size_t bytes, int devices);
  static Result<std::unique_ptr<DeviceMulticast>> join(ThreadMemory& memory, const Descriptor& file,
                                                       const Uuid& device);

  /// Also kInvalidArgument when a device has joined twice, which a GPU cannot.
  Status bind() override;
  MulticastMemory memory() const override;

 private:
  struct Header;
  explicit ThreadMulticast(std::shared_ptr<ThreadMemory::Whole> file) : file_(std::move(file)) {}
  Header& header() const;

  const std::shared_ptr<ThreadMemory::Whole> file_;
  int member_ = -1;
  ThreadMulticastMembers members_;  // once bound, as own_
  std::byte* own_ = nullptr;
};

}  // namespace tutti
