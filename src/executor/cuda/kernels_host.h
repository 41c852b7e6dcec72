// The fast kernels (kernels.h), compiled for a device made of threads.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <span>

#include "device/thread_device.h"

namespace tutti::cuda {

/// For ThreadDeviceSettings::kernels. Each takes a FastCall.
std::span<const ThreadKernel> fast_thread_kernels();

}  // namespace tutti::cuda
