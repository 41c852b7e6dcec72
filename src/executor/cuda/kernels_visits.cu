// tutti_come and tutti_wait for GPUs; see visit_kernels.h.

#include "executor/cuda/define_kernels.h"
#include "executor/cuda/visits.h"

TUTTI_CUDA_KERNEL_OF(tutti::cuda::Visit, tutti_come, tutti::cuda::come)
TUTTI_CUDA_KERNEL_OF(tutti::cuda::Visit, tutti_wait, tutti::cuda::wait_for_answer)
