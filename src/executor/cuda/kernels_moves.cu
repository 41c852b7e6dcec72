// tutti_move for GPUs; see kernels.h.

#include "executor/cuda/define_kernels.h"
#include "executor/cuda/moves.h"

TUTTI_CUDA_KERNEL(tutti_move, tutti::cuda::move)
