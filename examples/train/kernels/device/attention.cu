// Kernels of attention for GPUs.

#include "train/device/launch.h"
#include "train/kernels/device/attention.h"

namespace tutti::train {

template void launch_on_gpu(long, const AttendBeginKernel&, void*);

#define TUTTI_CORES(...)                                                                     \
  template void launch_on_gpu(long, const AttendKernel<__VA_ARGS__>&, void*);                \
  template void launch_on_gpu(long, const AttendBackwardQueriesKernel<__VA_ARGS__>&, void*); \
  template void launch_on_gpu(long, const AttendBackwardKeysKernel<__VA_ARGS__>&, void*);
#define TUTTI_NUMBERS(S)                                                           \
  TUTTI_CORES(PlainCores<S, 64>)                                                   \
  TUTTI_CORES(PlainCores<S, 128>)                                                  \
  TUTTI_CORES(PlainCores<S, 256>)                                                  \
  template void launch_on_gpu(long, const AttendEndKernel<S, kPack<S>>&, void*);   \
  template void launch_on_gpu(long, const AttendEndKernel<S, 1>&, void*);          \
  template void launch_on_gpu(long, const AttendDeltaKernel<S, kPack<S>>&, void*); \
  template void launch_on_gpu(long, const AttendDeltaKernel<S, 1>&, void*);
TUTTI_NUMBERS(float)
TUTTI_NUMBERS(Bf16)

}  // namespace tutti::train
