#include "train/kernels/device/rope.h"

namespace tutti::train {

template void launch_on_gpu(long, const Rotate<float, kPack<float>>&, void*);
template void launch_on_gpu(long, const Rotate<float, 1>&, void*);
template void launch_on_gpu(long, const Rotate<Bf16, kPack<Bf16>>&, void*);
template void launch_on_gpu(long, const Rotate<Bf16, 1>&, void*);

}  // namespace tutti::train
