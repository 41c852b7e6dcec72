// Devices that are open in this process: whoever asks for one that another has open gets the same.
//
// Its kernels are loaded once. Loading waits for whatever runs on a GPU, and keeps other threads
// from issuing copies meanwhile, which may be what a stream of another communicator waits for.
//
// Tested by cuda_driver_test.cc.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "device/device.h"

namespace tutti {

class OpenedDevices final {
 public:
  using Open = std::function<Result<std::shared_ptr<Device>>(int ordinal)>;

  explicit OpenedDevices(Open open) : open_(std::move(open)) {}

  /// Those who ask for the same ordinal wait for each other. Any thread.
  Result<std::shared_ptr<Device>> get(int ordinal) {
    Slot& slot = slot_of(ordinal);
    const std::lock_guard lock(slot.mutex);
    if (std::shared_ptr<Device> device = slot.device.lock()) return device;
    Result<std::shared_ptr<Device>> opened = open_(ordinal);
    if (opened.ok()) slot.device = *opened;
    return opened;
  }

 private:
  struct Slot {
    std::mutex mutex;
    std::weak_ptr<Device> device;  // as long as anybody has it
  };

  Slot& slot_of(int ordinal) {
    const std::lock_guard lock(mutex_);
    return slots_[ordinal];  // its address stays
  }

  const Open open_;
  std::mutex mutex_;
  std::map<int, Slot> slots_;
};

}  // namespace tutti
