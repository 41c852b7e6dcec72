// Memory of a device beside a communicator's window (executor/cpu/annex.h), and who copies within
// it.
//
// Network devices write into it. Copies of what they have written begin once the host knows that
// they have, after the device was flushed; the same holds for streams of the caller's, which go on
// after such copies. Tested by gpudirect_test.cc and enqueue_test.cc.

#pragma once

#include <memory>

#include "communicator/device_copiers.h"
#include "device/device.h"
#include "executor/cpu/annex.h"

namespace tutti {

class DeviceAnnex final : public DeviceCopier {
 public:
  /// REQUIRES: the device takes writes of network devices; it outlives the annex.
  static Result<std::unique_ptr<DeviceAnnex>> create(Device& device, std::size_t bytes);
  /// Before the first copy. Kernels that copy, if there are any, end before the annex.
  Status open(DeviceCopier* by_kernels);
  /// Waits for its copies. REQUIRES: nobody puts into it any more.
  ~DeviceAnnex() override;
  DeviceAnnex(const DeviceAnnex&) = delete;

  std::span<std::byte> memory() const { return memory_; }
  MemoryKind kind() const { return device_.facts().memory; }

  Result<std::uint64_t> copy(std::byte* target, const std::byte* source,
                             std::size_t bytes) override;
  bool copied(std::uint64_t number) override;

 private:
  explicit DeviceAnnex(Device& device) : device_(device) {}

  Device& device_;
  std::span<std::byte> memory_;
  ChosenCopier copier_;
};

}  // namespace tutti
