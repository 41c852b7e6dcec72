// TUTTI_CUDA_KERNEL: makes a kernel for GPUs of a function of a block and a call.

#pragma once

#include "executor/cuda/block.h"
#include "executor/cuda/kernels.h"

// The call stays where the launch has put it: a copy, indexed at run time, would lie in local
// memory, which is slow.
#define TUTTI_CUDA_KERNEL(name, function)                                 \
  extern "C" __global__ void __launch_bounds__(tutti::cuda::kMostThreads) \
      name(const __grid_constant__ tutti::cuda::FastCall call) {          \
    function(tutti::cuda::Block(), call);                                 \
  }
