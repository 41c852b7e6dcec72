#include "executor/cuda/define_kernels.h"
#include "executor/cuda/one_shot.h"
namespace tutti::cuda {
#define X(word, type) TUTTI_KERNEL(tutti_one_shot_sum_##word, one_shot<PlainSum<DataType::type>>)
TUTTI_CUDA_SUM_TYPES(X)
#undef X
#define X(word, type) TUTTI_KERNEL(tutti_one_shot_any_##word, one_shot<AnyReduction<DataType::type>>)
TUTTI_CUDA_TYPES(X)
}
