// Memory of a GPU: this library's own, what it tells other processes of, and what they tell it of.
//
// Own memory is virtual memory where the device has it, and else that of cuMemAlloc(). Tested by
// cuda_driver_test.cc.

#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "device/cuda_context.h"
#include "device/cuda_streams.h"
#include "device/cuda_virtual_memory.h"
#include "device/device.h"
#include "device/exported_files.h"
#include "device/imports.h"

namespace tutti {

/// Each as the function of Device with its name.
class CudaMemory {
 public:
  CudaMemory(const CudaContext& context, const CudaStreams& streams);
  ~CudaMemory();
  CudaMemory(const CudaMemory&) = delete;
  CudaMemory& operator=(const CudaMemory&) = delete;

  Result<std::byte*> allocate(std::size_t bytes);
  void release(std::byte* memory);
  Result<Allocation> allocation_of(const void* address) const;

  Result<SharedMemory> share(const Allocation& allocation);
  void withdraw(const SharedMemory& shared);
  Result<std::byte*> import_memory(const SharedMemory& shared);
  void close_import(std::byte* memory);

  Result<SharedMemory> make_multicast(std::size_t bytes, int devices);
  Result<std::unique_ptr<DeviceMulticast>> join_multicast(const SharedMemory& shared) const;

  Result<std::byte*> pin(std::span<std::byte> memory) const;
  void unpin(std::byte* host_memory) const;

 private:
  struct Own {
    std::size_t bytes = 0;
    bool is_virtual = false;
  };

  Result<std::byte*> obtain(std::size_t bytes, Own& own) const;
  void give_back(std::byte* memory, const Own& own) const;
  Status clear(std::byte* memory, std::size_t bytes) const;
  Result<SharedMemory> share_by_handle(const Allocation& allocation) const;
  Result<std::byte*> map(const SharedMemory& shared) const;
  void unmap(const SharedMemory& shared, std::byte* memory) const;

  const CudaContext& context_;
  const CudaStreams& streams_;
  const CudaVirtualMemory virtual_memory_;
  const bool makes_virtual_;
  ExportedFiles exports_;
  Imports imports_;

  std::mutex mutex_;
  std::map<std::byte*, Own> owned_;
};

}  // namespace tutti
