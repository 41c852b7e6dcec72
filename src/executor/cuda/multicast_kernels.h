// The kernels of multicast.h: which calls they are for, what they are called. There are none for
// GPUs before sm_90, nor of compilers before CUDA 12.2, which do not know all their instructions.
//
// Tested by cuda_multicast_test.cc.

#pragma once

#include <span>

#include "device/device.h"
#include "executor/cuda/kernels.h"
#include "tutti/types.h"

namespace tutti::cuda {

struct MulticastCall;

/// Whether it is a sum, of inputs that may be scaled, and of a type that switches add.
bool is_for_switch(DataType type, const Arithmetic& arithmetic);

/// "tutti_multicast_float32". REQUIRES: is_for_switch().
const char* multicast_name(DataType type);

/// All names, for a device to load where it can.
std::span<const char* const> multicast_kernel_names();

// X(word, type) for the types that switches add.
#define TUTTI_CUDA_SWITCH_TYPES(X) \
  X(float32, kFloat32)             \
  X(float16, kFloat16)             \
  X(bfloat16, kBfloat16)

}  // namespace tutti::cuda
