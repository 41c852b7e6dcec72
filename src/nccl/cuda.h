// What the door itself wants of NVIDIA's driver: which device is meant, and memory for
// ncclMemAlloc(). The driver is opened when first asked for; calls are the library's business.
//
// Any number of threads. Without a driver or a device there is none: -1, 0, which is all that tests
// see without a GPU; scripts/gpu_check sees the rest.

#pragma once

#include <cstddef>

#include "tutti/status.h"

namespace tutti::nccl {

/// How many devices this process sees (CUDA_VISIBLE_DEVICES counts).
int device_count();

/// The device that is current in this thread, as CUDA numbers devices: device 0 where the program
/// has not said anything, as in CUDA's runtime. -1: there is none.
int current_device();

/// Memory of the current device. REQUIRES: current_device() >= 0.
Result<void*> allocate_on_device(std::size_t bytes);
Status release_on_device(void* memory, int device);

}  // namespace tutti::nccl
