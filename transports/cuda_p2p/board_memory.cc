// The memory of a rank's board, and how long it lasts. Tested by cuda_p2p_test.cc.

#include "transports/cuda_p2p/board_memory.h"

namespace tutti::cuda_p2p {

Result<std::shared_ptr<BoardMemory>> BoardMemory::create(std::shared_ptr<Device> device,
                                                         std::size_t bytes) {
  const Result<std::byte*> data = device->allocate(bytes);
  if (!data.ok()) return data.status();
  return std::shared_ptr<BoardMemory>(new BoardMemory(std::move(device), *data, bytes));
}

BoardMemory::~BoardMemory() {
  if (shared_.kind == SharedMemory::Kind::kHandle) {
    static_cast<void>(new std::shared_ptr<Device>(device_));  // which would free what is left in it
    return;
  }
  if (shared_.kind != SharedMemory::Kind::kNone) device_->withdraw(shared_);
  device_->release(data_);
}

Result<SharedMemory> BoardMemory::share() {
  const Result<Allocation> allocation = device_->allocation_of(data_);
  if (!allocation.ok()) return allocation.status();
  const Result<SharedMemory> shared = device_->share(*allocation);
  if (shared.ok()) shared_ = *shared;
  return shared;
}

}  // namespace tutti::cuda_p2p
