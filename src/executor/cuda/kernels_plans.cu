// tutti_interpret_…, tutti_pass_… and tutti_compare_calls for GPUs; see plan_kernels.h.

#include "executor/cuda/define_kernels.h"
#include "executor/cuda/engine_roll_call.h"
#include "executor/cuda/interpreter.h"
#include "executor/cuda/local_pass.h"

namespace tutti::cuda {

#define TUTTI_TYPE(word, type)                                                              \
  TUTTI_CUDA_KERNEL_OF(InterpretedCall, tutti_interpret_##word, interpret<DataType::type>) \
  TUTTI_CUDA_KERNEL_OF(LocalPass, tutti_pass_##word, local_pass<DataType::type>)
TUTTI_CUDA_TYPES(TUTTI_TYPE)
TUTTI_CUDA_KERNEL_OF(EngineRollCall, tutti_compare_calls, compare_calls)

}  // namespace tutti::cuda
