// Kernels of an image that was compiled with the library, loaded whole when a device is opened:
// loading one later, at its first launch, would wait for kernels that may wait for this one.
//
// Tested by cuda_driver_test.cc.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "device/cuda_context.h"
#include "device/device.h"

namespace tutti {

/// Fatbins, as nvcc makes them, and the names of the kernels in them, each in any one. All stay
/// where they are for as long as the device lives. An empty image has no kernels.
struct KernelImage {
  std::span<const std::span<const std::byte>> fatbins;
  std::span<const char* const> names;
  std::span<const char* const> names_of_some_gpus = {};  // of which not every GPU has the code
};

class CudaKernels {
 public:
  /// kNotSupported when the image holds no code for this GPU.
  static Result<std::unique_ptr<CudaKernels>> load(const CudaContext& context,
                                                   const KernelImage& image);
  ~CudaKernels();
  CudaKernels(const CudaKernels&) = delete;
  CudaKernels& operator=(const CudaKernels&) = delete;

  /// Whether none is missing, of those either that not every GPU has.
  bool all_there() const { return all_there_; }

  /// As Device::launch().
  Status launch(Stream stream, const Launch& launch) const;

 private:
  struct Kernel {
    const char* name = "";
    driver::Function function = nullptr;
    int most_threads = 0;            // of a block
    std::size_t argument_bytes = 0;  // of its only parameter; 0 where the driver cannot tell
  };

  explicit CudaKernels(const CudaContext& context) : context_(context) {}
  Status load(std::span<const std::byte> fatbin);
  Status add(const char* name);
  driver::Outcome find(const char* name, driver::Function* function) const;
  bool has(const char* name) const;
  Status check(const Kernel& kernel, const Launch& launch) const;
  const Kernel* kernel_named(std::string_view name) const;

  const CudaContext& context_;
  std::vector<driver::Module> modules_;
  bool in_remote_domain_ = false;
  bool all_there_ = true;
  std::vector<Kernel> kernels_;
};

}  // namespace tutti
