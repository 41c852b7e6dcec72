// Kernels of attention for GPUs.

#include "train/device/launch.h"
#include "train/kernels/device/attention.h"

namespace tutti::train {

#define TUTTI_LAUNCH(...) template void launch_on_gpu(long, const __VA_ARGS__&, void*)
#define TUTTI_PLAIN(...)                                  \
  TUTTI_LAUNCH(AttendKernel<__VA_ARGS__>);                \
  TUTTI_LAUNCH(AttendBackwardQueriesKernel<__VA_ARGS__>); \
  TUTTI_LAUNCH(AttendBackwardKeysKernel<__VA_ARGS__>)
#define TUTTI_TENSOR(WIDTH)                                                            \
  TUTTI_LAUNCH(AttendKernel<TensorCores<WIDTH, AttendPass::kForward>>);                \
  TUTTI_LAUNCH(AttendBackwardQueriesKernel<TensorCores<WIDTH, AttendPass::kQueries>>); \
  TUTTI_LAUNCH(AttendBackwardKeysKernel<TensorCores<WIDTH, AttendPass::kKeys>>)
#define TUTTI_ROWS(S)                           \
  TUTTI_LAUNCH(AttendEndKernel<S, kPack<S>>);   \
  TUTTI_LAUNCH(AttendEndKernel<S, 1>);          \
  TUTTI_LAUNCH(AttendDeltaKernel<S, kPack<S>>); \
  TUTTI_LAUNCH(AttendDeltaKernel<S, 1>)

TUTTI_LAUNCH(AttendBeginKernel);
TUTTI_TENSOR(64);
TUTTI_TENSOR(128);
TUTTI_PLAIN(PlainCores<Bf16, 64>);
TUTTI_PLAIN(PlainCores<Bf16, 128>);
TUTTI_PLAIN(PlainCores<Bf16, 256>);
TUTTI_PLAIN(PlainCores<float, 64>);
TUTTI_PLAIN(PlainCores<float, 128>);
TUTTI_PLAIN(PlainCores<float, 256>);
TUTTI_ROWS(float);
TUTTI_ROWS(Bf16);

}  // namespace tutti::train
