// A device made of threads of this process: for tests, on machines without a GPU.
//
// A stream is a thread, and each block of a kernel is one, so that blocks of a kernel, and kernels
// of several streams and devices, run at once and may wait for each other. Several in a process
// stand for several GPUs; those of several processes are the same GPU when their identifiers are
// alike. Its memory is an anonymous file, which other processes map.
//
// Stricter than CUDA where a program could go wrong unseen: copies and flags must lie in memory
// that the device reaches, never in memory of the host that is not pinned.
//
// Tested by device_test.cc.

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "device/device.h"
#include "device/exported_files.h"
#include "device/imports.h"
#include "device/thread_memory.h"
#include "device/thread_stream.h"

namespace tutti {

/// 64 multiprocessors, waits_on_memory, and an identifier made of the ordinal.
DeviceFacts thread_device_facts(int ordinal);

struct ThreadDeviceSettings {
  DeviceFacts facts = thread_device_facts(0);
  std::vector<ThreadKernel> kernels;
  ThreadDelays delays;
  bool reaches_others = true;  // devices of this process
  /// One for all devices of a process that shall know, and copy, each other's memory, as ranks that
  /// are threads need it. Shared: any of them may end first.
  std::shared_ptr<ThreadMemory> memory = std::make_shared<ThreadMemory>();
};

class ThreadDevice final : public Device {
 public:
  explicit ThreadDevice(ThreadDeviceSettings settings);
  /// Waits for kernels that run; all else that was issued is dropped.
  ~ThreadDevice() override;

  const DeviceFacts& facts() const override { return settings_.facts; }

  Result<std::byte*> allocate(std::size_t bytes) override;
  void release(std::byte* memory) override;
  Result<Allocation> allocation_of(const void* address) override;

  Result<SharedMemory> share(const Allocation& allocation) override;
  void withdraw(const SharedMemory& shared) override;
  Result<std::byte*> import_memory(const SharedMemory& shared) override;
  void close_import(std::byte* memory) override;
  Status reach(const DeviceFacts& other) override;

  Result<SharedMemory> make_multicast(std::size_t bytes, int devices) override;
  Result<std::unique_ptr<DeviceMulticast>> join_multicast(const SharedMemory& shared) override;

  Result<std::byte*> pin(std::span<std::byte> memory) override;
  void unpin(std::byte* host_memory) override;

  Result<StreamState> look_at(Stream stream) override;
  Status copy(Stream stream, void* target, const void* source, std::size_t bytes) override;
  Status flush_network_writes() override {
    ++flushes_;
    return {};
  }
  Status set(Stream stream, std::uint32_t* flag, std::uint32_t value) override;
  Status wait_until(Stream stream, const std::uint32_t* flag, std::uint32_t value) override;
  Status launch(Stream stream, const Launch& launch) override;

  Result<Stream> make_stream() override;
  void end_stream(Stream stream) override;
  Status synchronize(Stream stream, std::chrono::milliseconds timeout) override;

  /// Bytes that copies have been issued for into pinned memory of the host, or out of it.
  std::uint64_t bytes_through_host() const { return bytes_through_host_; }
  /// Of network writes.
  std::uint64_t flushes() const { return flushes_; }

  /// What CUDA's graphs are: what is issued on the stream is recorded instead of done, and then
  /// replayed on any stream of this device, any number of times. REQUIRES: a stream of this
  /// device's.
  void begin_recording(Stream stream);
  ThreadStream::Recording end_recording(Stream stream);
  void replay(Stream stream, const ThreadStream::Recording& recording);

 private:
  ThreadMemory::Owner owner() const { return {this, settings_.facts.ordinal}; }
  Result<ThreadStream*> find(Stream stream);
  Status check_reach(const char* what, const void* address, std::size_t bytes) const;
  Status check_flag(const std::uint32_t* flag) const;
  const ThreadKernel* kernel_named(const char* name) const;

  const ThreadDeviceSettings settings_;
  ThreadMemory& memory_;
  ExportedFiles exports_;
  Imports imports_;

  std::atomic<std::uint64_t> bytes_through_host_ = 0;
  std::atomic<std::uint64_t> flushes_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<ThreadStream>> streams_;  // the first is the default one
  std::uint64_t streams_made_ = 0;
  std::set<int> reached_;  // ordinals
};

}  // namespace tutti
