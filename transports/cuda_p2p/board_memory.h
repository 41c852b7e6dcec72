// The memory of a rank's board, and how long it lasts.
//
// Shared by the boards of the ranks of one process: they use its address as it is, so the last of
// them to end releases it. For other processes,
//   - an allocation of kind kFile lives as long as anybody has it mapped: CUDA counts. It is
//     released without asking them.
//   - one of kind kHandle must not be freed before all have closed it, says CUDA; a rank that ends
//     cannot ask peers that may be dead. It is left, with its device, to the end of the process.
//
// Tested by cuda_p2p_test.cc.

#pragma once

#include <memory>

#include "device/device.h"

namespace tutti::cuda_p2p {

class BoardMemory final {
 public:
  static Result<std::shared_ptr<BoardMemory>> create(std::shared_ptr<Device> device,
                                                     std::size_t bytes);
  ~BoardMemory();
  BoardMemory(const BoardMemory&) = delete;
  BoardMemory& operator=(const BoardMemory&) = delete;

  Device& device() const { return *device_; }
  std::byte* data() const { return data_; }
  bool holds(const std::byte* begin, std::size_t bytes) const {
    return begin >= data_ && begin <= data_ + bytes_ &&
           bytes <= static_cast<std::size_t>(data_ + bytes_ - begin);
  }

  /// For other processes, and for other devices of this one. REQUIRES: called once.
  Result<SharedMemory> share();

 private:
  BoardMemory(std::shared_ptr<Device> device, std::byte* data, std::size_t bytes)
      : device_(std::move(device)), data_(data), bytes_(bytes) {}

  const std::shared_ptr<Device> device_;
  std::byte* const data_;
  const std::size_t bytes_;
  SharedMemory shared_;
};

}  // namespace tutti::cuda_p2p
