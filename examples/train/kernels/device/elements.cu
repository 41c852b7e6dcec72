#include "train/kernels/device/elements.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S)                                           \
  template void launch_on_gpu(long, const AddRows<S, S>&, void*); \
  template void launch_on_gpu(long, const CopyRows<S, S>&, void*);
TUTTI_ON_GPU(float)
TUTTI_ON_GPU(Bf16)
#undef TUTTI_ON_GPU
template void launch_on_gpu(long, const AddRows<Bf16, float>&, void*);
template void launch_on_gpu(long, const CopyRows<float, Bf16>&, void*);
template void launch_on_gpu(long, const CopyRows<Bf16, float>&, void*);
template void launch_on_gpu(long, const SumParts<false>&, void*);
template void launch_on_gpu(long, const SumParts<true>&, void*);

}  // namespace tutti::train
