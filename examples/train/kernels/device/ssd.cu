#include "train/kernels/device/ssd.h"
#include "train/kernels/device/ssd_backward.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S, N)                                                                        \
  template void launch_on_gpu(long, const ScaleSsdRows<S, N, SsdFactor::kSinceStart>&, void*);    \
  template void launch_on_gpu(long, const ScaleSsdRows<S, N, SsdFactor::kStepsUntilEnd>&, void*); \
  template void launch_on_gpu(long, const FinishSsdRows<S, N>&, void*);                           \
  template void launch_on_gpu(long, const MixSsd<S, N>&, void*);                                  \
  template void launch_on_gpu(long, const SettleSsd<S, N>&, void*);
TUTTI_ON_GPU(float, 4)
TUTTI_ON_GPU(float, 1)
TUTTI_ON_GPU(Bf16, 8)
TUTTI_ON_GPU(Bf16, 1)
#undef TUTTI_ON_GPU

#define TUTTI_ON_GPU(S)                                                     \
  template void launch_on_gpu(long, const PassSsdStates<S, false>&, void*); \
  template void launch_on_gpu(long, const PassSsdStates<S, true>&, void*);  \
  template void launch_on_gpu(long, const UnmixSsd<S>&, void*);             \
  template void launch_on_gpu(long, const AddSsdScores<S>&, void*);         \
  template void launch_on_gpu(long, const RoundSsdStates<S>&, void*);       \
  template void launch_on_gpu(long, const ClearSsdGroups<S>&, void*);
TUTTI_ON_GPU(float)
TUTTI_ON_GPU(Bf16)
#undef TUTTI_ON_GPU

template void launch_on_gpu(long, const SumSsdSteps&, void*);
template void launch_on_gpu(long, const SsdDecays&, void*);
template void launch_on_gpu(long, const SsdStateDots<4>&, void*);
template void launch_on_gpu(long, const SsdStateDots<1>&, void*);
template void launch_on_gpu(long, const CrossSsd&, void*);
template void launch_on_gpu(long, const AddSsdPairs&, void*);
template void launch_on_gpu(long, const AddSsdHeads&, void*);

}  // namespace tutti::train
