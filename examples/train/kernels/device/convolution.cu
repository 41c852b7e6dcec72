#include "train/kernels/device/convolution.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S, N)                                                 \
  template void launch_on_gpu(long, const Convolve<S, N, false>&, void*);  \
  template void launch_on_gpu(long, const Convolve<S, N, true>&, void*);   \
  template void launch_on_gpu(long, const ConvolveBackward<S, N>&, void*); \
  template void launch_on_gpu(long, const ConvolutionWeightParts<S, N>&, void*);
TUTTI_ON_GPU(float, 4)
TUTTI_ON_GPU(float, 1)
TUTTI_ON_GPU(Bf16, 8)
TUTTI_ON_GPU(Bf16, 1)
#undef TUTTI_ON_GPU

template void launch_on_gpu(long, const AddConvolutionWeights&, void*);

}  // namespace tutti::train
