// Tested by cuda_multicast_test.cc.

#include "executor/cuda/multicast_kernels.h"

#include "executor/cuda/multimem.h"

namespace tutti::cuda {
namespace {

#define TUTTI_TYPE(word, type) "tutti_multicast_" #word,
constexpr const char* kNames[] = {TUTTI_CUDA_SWITCH_TYPES(TUTTI_TYPE)};
#undef TUTTI_TYPE

}  // namespace

bool is_for_switch(DataType type, const Arithmetic& arithmetic) {
  const bool sums = arithmetic.reduction == Reduction::kSum ||
                    arithmetic.reduction == Reduction::kAvg ||
                    arithmetic.reduction == Reduction::kPreMulSum;
  return sums && arithmetic.divisor == 1 && is_added_by_switch(type);
}

const char* multicast_name(DataType type) {
#define TUTTI_TYPE(word, which) \
  if (type == DataType::which) return "tutti_multicast_" #word;
  TUTTI_CUDA_SWITCH_TYPES(TUTTI_TYPE)
#undef TUTTI_TYPE
  return nullptr;
}

std::span<const char* const> multicast_kernel_names() { return kNames; }

}  // namespace tutti::cuda
