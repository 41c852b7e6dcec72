#include "train/kernels/device/column_sums.h"
#include "train/kernels/device/gated_norm.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S, N)                                                       \
  template void launch_on_gpu(long, const Gate<S, N>&, void*);                   \
  template void launch_on_gpu(long, const GateBackward<S, N>&, void*);           \
  template void launch_on_gpu(long, const GroupNormSquares<S, N>&, void*);       \
  template void launch_on_gpu(long, const GroupNorm<S, N>&, void*);              \
  template void launch_on_gpu(long, const GroupNormBackwardSums<S, N>&, void*);  \
  template void launch_on_gpu(long, const GroupNormBackwardInput<S, N>&, void*); \
  template void launch_on_gpu(long, const ColumnParts<GroupNormWeightGradient<S, N>>&, void*);
TUTTI_ON_GPU(float, 4)
TUTTI_ON_GPU(float, 1)
TUTTI_ON_GPU(Bf16, 8)
TUTTI_ON_GPU(Bf16, 1)
#undef TUTTI_ON_GPU

}  // namespace tutti::train
