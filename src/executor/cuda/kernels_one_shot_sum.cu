// tutti_one_shot_sum_… for GPUs; see kernels.h.

#include "executor/cuda/define_kernels.h"
#include "executor/cuda/one_shot.h"

namespace tutti::cuda {

#define TUTTI_TYPE(word, type) \
  TUTTI_CUDA_KERNEL(tutti_one_shot_sum_##word, one_shot<PlainSum<DataType::type>>)
TUTTI_CUDA_SUM_TYPES(TUTTI_TYPE)

}  // namespace tutti::cuda
