#include "train/kernels/device/column_sums.h"
#include "train/kernels/device/norm.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S)                                                                     \
  template void launch_on_gpu(long, const RmsNorm<S>&, void*);                              \
  template void launch_on_gpu(long, const RmsNormBackwardInput<S>&, void*);                 \
  template void launch_on_gpu(long, const ColumnParts<RmsNormWeightGradient<S, kPack<S>>>&, \
                              void*);                                                       \
  template void launch_on_gpu(long, const ColumnParts<RmsNormWeightGradient<S, 1>>&, void*);
TUTTI_ON_GPU(float)
TUTTI_ON_GPU(Bf16)
#undef TUTTI_ON_GPU

}  // namespace tutti::train
