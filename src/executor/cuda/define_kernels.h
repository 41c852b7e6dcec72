// TUTTI_CUDA_KERNEL: makes a kernel for GPUs of a function of a block and a call; of a FastCall, or
// of another structure.

#pragma once

#include "executor/cuda/block.h"
#include "executor/cuda/kernels.h"

// One block on a multiprocessor is enough: registers are not to be saved for a second.
//
// The call stays where the launch has put it: a copy, indexed at run time, would lie in local
// memory, which is slow.
#define TUTTI_CUDA_KERNEL_OF(Call, name, function)                                      \
  extern "C" __global__ void __launch_bounds__(tutti::cuda::kMostThreads, /*blocks=*/1) \
      name(const __grid_constant__ Call call) {                                         \
    function(tutti::cuda::Block(), call);                                               \
  }
#define TUTTI_CUDA_KERNEL(name, function) \
  TUTTI_CUDA_KERNEL_OF(tutti::cuda::FastCall, name, function)
