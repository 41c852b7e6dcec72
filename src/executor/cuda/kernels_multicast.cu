// tutti_multicast_… for GPUs; see multicast_kernels.h.

#include "executor/cuda/define_kernels.h"
#include "executor/cuda/multicast.h"
#include "executor/cuda/multicast_kernels.h"

namespace tutti::cuda {

#define TUTTI_TYPE(word, type) \
  TUTTI_CUDA_KERNEL_OF(MulticastCall, tutti_multicast_##word, multicast<DataType::type>)
#define TUTTI_COMPILER (__CUDACC_VER_MAJOR__ * 100 + __CUDACC_VER_MINOR__)
#if __CUDA_ARCH__ >= 900 && TUTTI_COMPILER >= 1202
TUTTI_CUDA_SWITCH_TYPES(TUTTI_TYPE)
#endif

}  // namespace tutti::cuda
