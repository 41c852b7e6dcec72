// The kernels for GPUs that were compiled with this library: none, where there was no nvcc.
//
// Tested by cuda_kernels_test.cc, which asks for the names, and by scripts/check_kernels, which
// looks at the code.

#pragma once

#include <cstddef>
#include <span>

#include "device/cuda_device.h"

namespace tutti::cuda {

/// What open_device() takes, with the kernels of kernels.h, plan_kernels.h and visit_kernels.h.
KernelImage kernel_image();

/// As nvcc makes them. In a file that the build writes (cmake/cuda.cmake).
std::span<const std::span<const std::byte>> fatbins();

}  // namespace tutti::cuda
