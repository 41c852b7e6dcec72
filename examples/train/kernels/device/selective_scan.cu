#include "train/kernels/device/selective_scan.h"
#include "train/kernels/device/selective_scan_backward.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S, N)                                                                    \
  template void launch_on_gpu(long, const ScanChunk<S, N, ScanPass::kParts>&, void*);         \
  template void launch_on_gpu(long, const ScanChunk<S, N, ScanPass::kOutput>&, void*);        \
  template void launch_on_gpu(long, const ScanChunk<S, N, ScanPass::kBackwardParts>&, void*); \
  template void launch_on_gpu(long, const ScanBackwardChunk<S, N>&, void*);
TUTTI_ON_GPU(float, 4)
TUTTI_ON_GPU(float, 1)
TUTTI_ON_GPU(Bf16, 8)
TUTTI_ON_GPU(Bf16, 1)
#undef TUTTI_ON_GPU

#define TUTTI_ON_GPU(S)                                                \
  template void launch_on_gpu(long, const PassScanStates<S>&, void*);  \
  template void launch_on_gpu(long, const ScanDecays<S>&, void*);      \
  template void launch_on_gpu(long, const AddScanMatrices<S>&, void*); \
  template void launch_on_gpu(long, const AddScanRates<S>&, void*);
TUTTI_ON_GPU(float)
TUTTI_ON_GPU(Bf16)
#undef TUTTI_ON_GPU

}  // namespace tutti::train
