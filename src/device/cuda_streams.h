// Work of streams of a GPU, and waiting for it. Tested by cuda_driver_test.cc.

#pragma once

#include <chrono>

#include "device/cuda_context.h"
#include "device/device.h"

namespace tutti {

/// Each as the function of Device with its name.
class CudaStreams {
 public:
  explicit CudaStreams(const CudaContext& context) : context_(context) {}

  /// Whether the driver has what wait_until() needs.
  bool can_wait() const;

  Result<Device::StreamState> look_at(Stream stream) const;
  Status copy(Stream stream, void* target, const void* source, std::size_t bytes) const;
  Status set(Stream stream, std::uint32_t* flag, std::uint32_t value) const;
  Status wait_until(Stream stream, const std::uint32_t* flag, std::uint32_t value) const;
  Status zero(Stream stream, std::byte* memory, std::size_t bytes) const;

  Result<Stream> make_stream() const;
  void end_stream(Stream stream) const;
  Status synchronize(Stream stream, std::chrono::milliseconds timeout) const;

 private:
  Status check_owner(driver::Stream stream) const;

  const CudaContext& context_;
};

}  // namespace tutti
