// A GPU through NVIDIA's driver: memory (cuda_memory.h), streams (cuda_streams.h) and kernels
// (cuda_kernels.h) of its primary context, which programs that use CUDA's runtime use too.
//
// Any thread may call, whatever context is current for it; it is current afterwards too.
//
// Tested by cuda_driver_test.cc over a driver that the test makes up, and by device_test.cc where
// there is a GPU.

#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "device/cuda_context.h"
#include "device/cuda_kernels.h"
#include "device/cuda_memory.h"
#include "device/cuda_streams.h"
#include "device/device.h"
#include "device/driver.h"

namespace tutti {

/// The device with the ordinal that CUDA gives it in this process. kNotSupported says why there is
/// no GPU to use; kInvalidArgument that there are others.
Result<std::unique_ptr<Device>> open_device(int ordinal, const KernelImage& image);

class CudaDevice final : public Device {
 public:
  static Result<std::unique_ptr<CudaDevice>> open(const Driver& driver, int ordinal,
                                                  const KernelImage& image);
  /// Imports are closed and memory is released, without waiting for streams.
  ~CudaDevice() override = default;

  const DeviceFacts& facts() const override { return facts_; }

  Result<std::byte*> allocate(std::size_t bytes) override { return memory_->allocate(bytes); }
  void release(std::byte* memory) override { memory_->release(memory); }
  Result<Allocation> allocation_of(const void* address) override {
    return memory_->allocation_of(address);
  }

  Result<SharedMemory> share(const Allocation& allocation) override {
    return memory_->share(allocation);
  }
  void withdraw(const SharedMemory& shared) override { memory_->withdraw(shared); }
  Result<std::byte*> import_memory(const SharedMemory& shared) override {
    return memory_->import_memory(shared);
  }
  void close_import(std::byte* memory) override { memory_->close_import(memory); }
  Status reach(const DeviceFacts& other) override;

  Result<SharedMemory> make_multicast(std::size_t bytes, int devices) override {
    return memory_->make_multicast(bytes, devices);
  }
  Result<std::unique_ptr<DeviceMulticast>> join_multicast(const SharedMemory& shared) override {
    return memory_->join_multicast(shared);
  }

  Result<std::byte*> pin(std::span<std::byte> memory) override { return memory_->pin(memory); }
  void unpin(std::byte* host_memory) override { memory_->unpin(host_memory); }

  Result<StreamState> look_at(Stream stream) override { return streams_->look_at(stream); }
  Status copy(Stream stream, void* target, const void* source, std::size_t bytes) override {
    return streams_->copy(stream, target, source, bytes);
  }
  Status flush_network_writes() override;
  Status set(Stream stream, std::uint32_t* flag, std::uint32_t value) override {
    return streams_->set(stream, flag, value);
  }
  Status wait_until(Stream stream, const std::uint32_t* flag, std::uint32_t value) override {
    return streams_->wait_until(stream, flag, value);
  }
  Status launch(Stream stream, const Launch& launch) override {
    return kernels_->launch(stream, launch);
  }

  Result<Stream> make_stream() override { return streams_->make_stream(); }
  void end_stream(Stream stream) override { streams_->end_stream(stream); }
  Status synchronize(Stream stream, std::chrono::milliseconds timeout) override {
    return streams_->synchronize(stream, timeout);
  }

 private:
  explicit CudaDevice(const Driver& driver) : driver_(driver) {}
  Status prepare(int ordinal, const KernelImage& image);
  Status learn_facts();
  void learn_network_facts();

  const Driver driver_;
  // Made in this order, each for those below.
  std::unique_ptr<CudaContext> context_;
  DeviceFacts facts_;
  bool flushes_network_writes_ = false;
  std::unique_ptr<CudaStreams> streams_;
  std::unique_ptr<CudaKernels> kernels_;
  std::unique_ptr<CudaMemory> memory_;

  std::mutex mutex_;
  std::vector<std::unique_ptr<CudaContext>> reached_;  // of other devices
};

}  // namespace tutti
