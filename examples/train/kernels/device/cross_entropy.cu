#include "train/kernels/device/cross_entropy.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S)                                              \
  template void launch_on_gpu(long, const LargestLogits<S>&, void*); \
  template void launch_on_gpu(long, const SumLogits<S>&, void*);     \
  template void launch_on_gpu(long, const CrossEntropy<S>&, void*);
TUTTI_ON_GPU(float)
TUTTI_ON_GPU(Bf16)
#undef TUTTI_ON_GPU

}  // namespace tutti::train
