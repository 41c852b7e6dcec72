// Memory of a device that peers reach: allocations of this library's, and of the caller's.
//
// Between processes, memory may be given back only when no peer maps it any more, which takes all
// ranks: what ends is kept until they have met again, in the next allocation, or until the device
// is closed. Tested by enqueue_test.cc.

#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "communicator/impl.h"
#include "device/device.h"
#include "transports/cuda_p2p/boards.h"

namespace tutti {

class DeviceMemory final : public Memory::Owner {
 public:
  /// `boards`: null where peers do not reach each other's devices. Both must outlive it.
  DeviceMemory(Device& device, Boards* boards) : device_(device), boards_(boards) {}
  /// What was given back, and not yet by all ranks, too.
  ~DeviceMemory() override;
  DeviceMemory(const DeviceMemory&) = delete;

  /// Collective over the bootstrap, with the same outcome on all ranks.
  Result<Memory> allocate(Bootstrap& bootstrap, std::size_t bytes, Deadline deadline);
  /// Collective. nullptr: none on this rank.
  Status share(Bootstrap& bootstrap, const void* address, Deadline deadline);

 private:
  // Allocations are numbered; all ranks make the same.
  using Pieces = std::map<std::uint64_t, std::byte*>;

  void give_back(std::byte* data, std::size_t bytes) override;
  Status share_agreed(Bootstrap& bootstrap, Result<Allocation> mine, Deadline deadline);
  Status withdraw_ended(Bootstrap& bootstrap, Deadline deadline);
  Status withdraw(Bootstrap& bootstrap, std::uint64_t number, Deadline deadline);

  Device& device_;
  Boards* const boards_;
  Pieces pieces_;
  std::set<std::uint64_t> ended_;  // of pieces_, those that the caller has given back
  std::uint64_t made_ = 0;
};

}  // namespace tutti
