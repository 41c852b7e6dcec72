// The kernels that run plans (plan_kernels.h), compiled for a device made of threads.
//
// Tested by cuda_interpreter_test.cc.

#pragma once

#include <span>

#include "device/thread_device.h"

namespace tutti::cuda {

/// For ThreadDeviceSettings::kernels.
std::span<const ThreadKernel> plan_thread_kernels();

}  // namespace tutti::cuda
