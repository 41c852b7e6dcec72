// Where a rank sees the shared allocations of all ranks: in memory of its device, for kernels to
// look up, and the same on the host.
//
// Entries are written by copies on a stream of the table's own, at set-up and when allocations are
// shared, never on the way of a call. The stream is there as long: a GPU has few queues, and who
// shares one may wait for another. Tested by cuda_p2p_test.cc.

#pragma once

#include <cstdlib>
#include <memory>

#include "bootstrap/bootstrap.h"
#include "device/device.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda_p2p {

class Table final {
 public:
  /// All zero. `device` must outlive the table.
  static Result<std::unique_ptr<Table>> create(Device& device, int ranks);
  /// REQUIRES: no kernel reads it any more.
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  /// For kernels: [rank * kMostShared + number].
  std::byte* const* on_device() const { return reinterpret_cast<std::byte* const*>(on_device_); }

  std::byte* at(int rank, std::uint64_t number) const {
    return entries_.get()[index(rank, number)];
  }
  /// Kernels see it after publish(). REQUIRES: no kernel uses that entry.
  void set(int rank, std::uint64_t number, std::byte* base);
  Status publish(Deadline deadline);

 private:
  struct Free {
    void operator()(std::byte** entries) const { std::free(entries); }
  };
  explicit Table(Device& device, int ranks) : device_(device), ranks_(ranks) {}
  Status open();

  static std::size_t index(int rank, std::uint64_t number) {
    return static_cast<std::size_t>(rank) * cuda::kMostShared + number;
  }
  std::size_t entries() const { return index(ranks_, 0); }

  Device& device_;
  const int ranks_;
  std::unique_ptr<std::byte*[], Free> entries_;
  std::byte* pinned_ = nullptr;  // entries_, as the device reads them
  std::byte* on_device_ = nullptr;
  // Of the entries set since they were last published: [first_, end_).
  std::size_t first_ = 0;
  std::size_t end_ = 0;
};

}  // namespace tutti::cuda_p2p
