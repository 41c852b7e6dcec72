// Names of the fast kernels, and what they do to elements. Tested by cuda_kernels_test.cc.

#include "executor/cuda/kernels.h"

#include "base/check.h"

namespace tutti::cuda {
namespace {

#define TUTTI_TYPE(word, type) "tutti_reduce_sum_" #word, "tutti_one_shot_sum_" #word,
#define TUTTI_ANY_TYPE(word, type) "tutti_reduce_any_" #word, "tutti_one_shot_any_" #word,
constexpr const char* kNames[] = {
    "tutti_move", TUTTI_CUDA_SUM_TYPES(TUTTI_TYPE) TUTTI_CUDA_TYPES(TUTTI_ANY_TYPE)};
#undef TUTTI_TYPE
#undef TUTTI_ANY_TYPE

bool is_plain_sum(const Arithmetic& arithmetic) {
  const bool sums = arithmetic.reduction == Reduction::kSum ||
                    arithmetic.reduction == Reduction::kAvg ||
                    arithmetic.reduction == Reduction::kPreMulSum;
  return sums && arithmetic.factor == 1.0 && arithmetic.divisor == 1;
}

const char* any_name(FastKernel kernel, DataType type) {
  switch (type) {
#define TUTTI_TYPE(word, type) \
  case DataType::type:         \
    return kernel == FastKernel::kReduce ? "tutti_reduce_any_" #word : "tutti_one_shot_any_" #word;
    TUTTI_CUDA_TYPES(TUTTI_TYPE)
#undef TUTTI_TYPE
  }
  return nullptr;
}

// Sums of signed integers have the bits of sums of unsigned ones.
const char* sum_name(FastKernel kernel, DataType type) {
  switch (type) {
#define TUTTI_TYPE(word, type) \
  case DataType::type:         \
    return kernel == FastKernel::kReduce ? "tutti_reduce_sum_" #word : "tutti_one_shot_sum_" #word;
    TUTTI_CUDA_SUM_TYPES(TUTTI_TYPE)
#undef TUTTI_TYPE
    case DataType::kInt8:
      return sum_name(kernel, DataType::kUint8);
    case DataType::kInt16:
      return sum_name(kernel, DataType::kUint16);
    case DataType::kInt32:
      return sum_name(kernel, DataType::kUint32);
    case DataType::kInt64:
      return sum_name(kernel, DataType::kUint64);
  }
  return nullptr;
}

}  // namespace

const char* kernel_name(FastKernel kernel, DataType type, const Arithmetic& arithmetic) {
  if (kernel == FastKernel::kMove) return kNames[0];
  return is_plain_sum(arithmetic) ? sum_name(kernel, type) : any_name(kernel, type);
}

Arithmetic arithmetic_of(DataType type, const ReduceOp& op, int ranks) {
  TUTTI_CHECK(op.reduction != Reduction::kUser, "a user's function runs on the host");
  Arithmetic arithmetic{.reduction = op.reduction};
  if (op.reduction == Reduction::kPreMulSum) arithmetic.factor = op.scale;
  if (op.reduction == Reduction::kAvg && is_float(type)) arithmetic.factor = 1.0 / ranks;
  if (op.reduction == Reduction::kAvg && !is_float(type)) arithmetic.divisor = ranks;
  return arithmetic;
}

std::span<const char* const> kernel_names() { return kNames; }

}  // namespace tutti::cuda
