// Memory of several GPUs that NVSwitch reads and writes together (NVLS): a multicast object of the
// driver, which every device joins and binds memory of its own to.
//
// Before all have joined, binding and mapping would block in the driver.
//
// Source: CUDA's driver API, "Multicast Object Management". Tested by
// cuda_multicast_driver_test.cc.

#pragma once

#include <cstddef>
#include <memory>

#include "device/cuda_context.h"
#include "device/cuda_virtual_memory.h"
#include "device/device.h"
#include "files/descriptor.h"

namespace tutti {

class CudaMulticast final : public DeviceMulticast {
 public:
  /// Whether the GPU, its switches and the driver have it.
  static bool is_there(const CudaContext& context);

  /// A new object, by which devices join it. `bytes` becomes what it holds of each.
  static Result<Descriptor> make(const CudaContext& context, std::size_t& bytes, int devices);
  static Result<std::unique_ptr<DeviceMulticast>> join(const CudaContext& context,
                                                       const Descriptor& file, std::size_t bytes);
  ~CudaMulticast() override;
  CudaMulticast(const CudaMulticast&) = delete;
  CudaMulticast& operator=(const CudaMulticast&) = delete;

  Status bind() override;
  MulticastMemory memory() const override { return {own_, all_, bytes_}; }

 private:
  CudaMulticast(const CudaContext& context, driver::Memory object, std::size_t bytes)
      : context_(context), virtual_memory_(context), object_(object), bytes_(bytes) {}
  Status bind(driver::Memory memory);

  const CudaContext& context_;
  const CudaVirtualMemory virtual_memory_;
  const driver::Memory object_;
  const std::size_t bytes_;
  bool bound_ = false;
  std::byte* own_ = nullptr;
  std::byte* all_ = nullptr;
};

}  // namespace tutti
