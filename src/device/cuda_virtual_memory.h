// Memory of a GPU apart from the addresses at which it is seen: what can be mapped by several
// processes, from a file descriptor.
//
// Source: CUDA's programming guide, "Virtual Memory Management". Tested by cuda_driver_test.cc.

#pragma once

#include <cstddef>

#include "device/cuda_context.h"
#include "files/descriptor.h"

namespace tutti {

class CudaVirtualMemory {
 public:
  explicit CudaVirtualMemory(const CudaContext& context) : context_(context) {}

  /// Whether the device can make, export and import it.
  bool is_there() const;

  struct Mapped {
    std::byte* base = nullptr;
    std::size_t bytes = 0;
  };
  /// New memory that can be exported, and that other devices of the process see too.
  Result<Mapped> allocate(std::size_t bytes) const;
  /// The memory ends with its last mapping, in whatever process.
  void unmap(const Mapped& mapped) const;

  /// Of the memory that begins at `base`.
  Result<Descriptor> export_file(const std::byte* base) const;
  /// Maps all of it, `bytes`, for this device.
  Result<std::byte*> import_file(const Descriptor& file, std::size_t bytes) const;

  // The parts of the above, for memory that is more than this device's (cuda_multicast.h).

  /// What memory comes in: at least so many bytes, a multiple of `unit` too.
  Result<std::size_t> rounded(std::size_t bytes, std::size_t unit = 1) const;
  /// New memory, not mapped, to be given back by release_memory(). REQUIRES: a number of rounded().
  Result<driver::Memory> create(std::size_t bytes) const;
  /// For this device, at a multiple of `alignment`, a power of two or 0. The mapping keeps it.
  Result<std::byte*> map(driver::Memory memory, std::size_t bytes, std::size_t alignment = 0) const;
  Result<driver::Memory> import(const Descriptor& file) const;
  /// REQUIRES: of memory that was made to be exported.
  Result<Descriptor> export_file(driver::Memory memory) const;

 private:
  driver::MemoryProperties properties() const;
  Status let_access(int ordinal, driver::Address base, std::size_t bytes) const;
  void let_peers_access(const Mapped& mapped) const;

  const CudaContext& context_;
};

}  // namespace tutti
