// tutti_one_shot_any_… for GPUs; see kernels.h.

#include "executor/cuda/define_kernels.h"
#include "executor/cuda/one_shot.h"

namespace tutti::cuda {

#define TUTTI_TYPE(word, type) \
  TUTTI_CUDA_KERNEL(tutti_one_shot_any_##word, one_shot<AnyReduction<DataType::type>>)
TUTTI_CUDA_TYPES(TUTTI_TYPE)

}  // namespace tutti::cuda
