// The kernels by which streams visit a thread of the host (visits.h), and how they are launched.
//
// Tested by proxy_test.cc.

#pragma once

#include <span>

#include "device/thread_device.h"
#include "executor/cuda/visits.h"

namespace tutti::cuda {

/// All names, for a device to load; and the same for a device made of threads.
std::span<const char* const> visit_kernel_names();
std::span<const ThreadKernel> visit_thread_kernels();

Status launch_come(Device& device, const Visit& visit, Stream stream);
Status launch_wait(Device& device, const Visit& visit, Stream stream);

}  // namespace tutti::cuda
