#include "train/kernels/device/swiglu.h"

namespace tutti::train {

template void launch_on_gpu(long, const SwiGlu<float>&, void*);
template void launch_on_gpu(long, const SwiGlu<Bf16>&, void*);
template void launch_on_gpu(long, const SwiGluBackward<float>&, void*);
template void launch_on_gpu(long, const SwiGluBackward<Bf16>&, void*);

}  // namespace tutti::train
