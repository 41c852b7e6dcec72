#include "train/kernels/device/column_sums.h"
#include "train/kernels/device/time_step.h"

namespace tutti::train {

#define TUTTI_ON_GPU(S, N)                                                  \
  template void launch_on_gpu(long, const TimeSteps<S, N>&, void*);         \
  template void launch_on_gpu(long, const TimeStepsBackward<S, N>&, void*); \
  template void launch_on_gpu(long, const ColumnParts<StepGradient<S, N>>&, void*);
TUTTI_ON_GPU(float, 4)
TUTTI_ON_GPU(float, 1)
TUTTI_ON_GPU(Bf16, 8)
TUTTI_ON_GPU(Bf16, 1)
#undef TUTTI_ON_GPU

}  // namespace tutti::train
