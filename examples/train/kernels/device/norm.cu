#include "train/kernels/device/column_sums.h"
#include "train/kernels/device/norm.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S, X)                                                                     \
  template void launch_on_gpu(long, const RmsNorm<S, X>&, void*);                              \
  template void launch_on_gpu(long, const RmsNormBackwardInput<S, X>&, void*);                 \
  template void launch_on_gpu(long, const ColumnParts<RmsNormWeightGradient<S, X, kPack<S>>>&, \
                              void*);                                                          \
  template void launch_on_gpu(long, const ColumnParts<RmsNormWeightGradient<S, X, 1>>&, void*);
TUTTI_ON_GPU(float, float)
TUTTI_ON_GPU(Bf16, Bf16)
TUTTI_ON_GPU(Bf16, float)
#undef TUTTI_ON_GPU

}  // namespace tutti::train
