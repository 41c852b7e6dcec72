// A device that passes everything on to another: for tests that change one thing.

#pragma once

#include <memory>

#include "device/device.h"

namespace tutti::test {

class DeviceWrapper : public Device {
 public:
  explicit DeviceWrapper(std::unique_ptr<Device> device) : device_(std::move(device)) {}

  const DeviceFacts& facts() const override { return device_->facts(); }
  Result<std::byte*> allocate(std::size_t bytes) override { return device_->allocate(bytes); }
  void release(std::byte* memory) override { device_->release(memory); }
  Result<Allocation> allocation_of(const void* address) override {
    return device_->allocation_of(address);
  }
  Result<SharedMemory> share(const Allocation& allocation) override {
    return device_->share(allocation);
  }
  void withdraw(const SharedMemory& shared) override { device_->withdraw(shared); }
  Result<std::byte*> import_memory(const SharedMemory& shared) override {
    return device_->import_memory(shared);
  }
  void close_import(std::byte* memory) override { device_->close_import(memory); }
  Status reach(const DeviceFacts& other) override { return device_->reach(other); }
  Result<SharedMemory> make_multicast(std::size_t bytes, int devices) override {
    return device_->make_multicast(bytes, devices);
  }
  Result<std::unique_ptr<DeviceMulticast>> join_multicast(const SharedMemory& shared) override {
    return device_->join_multicast(shared);
  }
  Result<std::byte*> pin(std::span<std::byte> memory) override { return device_->pin(memory); }
  void unpin(std::byte* host_memory) override { device_->unpin(host_memory); }
  Result<StreamState> look_at(Stream stream) override { return device_->look_at(stream); }
  Status copy(Stream stream, void* target, const void* source, std::size_t bytes) override {
    return device_->copy(stream, target, source, bytes);
  }
  Status flush_network_writes() override { return device_->flush_network_writes(); }
  Status set(Stream stream, std::uint32_t* flag, std::uint32_t value) override {
    return device_->set(stream, flag, value);
  }
  Status wait_until(Stream stream, const std::uint32_t* flag, std::uint32_t value) override {
    return device_->wait_until(stream, flag, value);
  }
  Status launch(Stream stream, const Launch& launch) override {
    return device_->launch(stream, launch);
  }
  Result<Stream> make_stream() override { return device_->make_stream(); }
  void end_stream(Stream stream) override { device_->end_stream(stream); }
  Status synchronize(Stream stream, std::chrono::milliseconds timeout) override {
    return device_->synchronize(stream, timeout);
  }

 private:
  std::unique_ptr<Device> device_;
};

}  // namespace tutti::test
