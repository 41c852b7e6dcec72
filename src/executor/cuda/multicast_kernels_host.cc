// Tested by cuda_multicast_test.cc.

#include "executor/cuda/multicast_kernels_host.h"

#include "executor/cuda/multicast.h"
#include "executor/cuda/multicast_kernels.h"

namespace tutti::cuda {
namespace {

template <DataType kType>
void run(const void* arguments, int block, int blocks) {
  multicast<kType>(Block(block, blocks), *static_cast<const MulticastCall*>(arguments));
}

#define TUTTI_TYPE(word, type) {"tutti_multicast_" #word, run<DataType::type>},
constexpr ThreadKernel kKernels[] = {TUTTI_CUDA_SWITCH_TYPES(TUTTI_TYPE)};
#undef TUTTI_TYPE

}  // namespace

std::span<const ThreadKernel> multicast_thread_kernels() { return kKernels; }

}  // namespace tutti::cuda
