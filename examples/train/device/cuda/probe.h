// Whether the kernels of this build run on the thread's current GPU.

#pragma once

#include <cuda_runtime_api.h>

namespace tutti::train {

/// cudaSuccess, or why not: there is neither code for it nor what the driver could make it of.
cudaError_t look_for_kernels();

}  // namespace tutti::train
