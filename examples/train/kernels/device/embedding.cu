#include "train/kernels/device/embedding.h"

namespace tutti::train {

template void launch_on_gpu(long, const Embed<float>&, void*);
template void launch_on_gpu(long, const Embed<Bf16>&, void*);
template void launch_on_gpu(long, const EmbedBackward<float>&, void*);
template void launch_on_gpu(long, const EmbedBackward<Bf16>&, void*);

}  // namespace tutti::train
