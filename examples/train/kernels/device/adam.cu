#include "train/kernels/device/adam.h"

template void tutti::train::launch_on_gpu(long, const AdamWeights<float>&, void*);
template void tutti::train::launch_on_gpu(long, const AdamWeights<tutti::train::Bf16>&, void*);
