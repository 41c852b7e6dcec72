// The kernels of multicast.h, compiled for a device made of threads.
//
// Tested by cuda_multicast_test.cc.

#pragma once

#include <span>

#include "device/thread_device.h"

namespace tutti::cuda {

/// For ThreadDeviceSettings::kernels. Each takes a MulticastCall.
std::span<const ThreadKernel> multicast_thread_kernels();

}  // namespace tutti::cuda
