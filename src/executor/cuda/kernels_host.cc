// The fast kernels for a device made of threads. Tested by cuda_kernels_test.cc.

#include "executor/cuda/kernels_host.h"

#include "executor/cuda/moves.h"
#include "executor/cuda/one_shot.h"
#include "executor/cuda/two_shot.h"

namespace tutti::cuda {
namespace {

template <void (*kKernel)(const Block&, const FastCall&)>
void run(const void* arguments, int block, int blocks) {
  kKernel(Block(block, blocks), *static_cast<const FastCall*>(arguments));
}

#define TUTTI_TYPE(word, type)                                        \
  {"tutti_reduce_sum_" #word, run<reduce<PlainSum<DataType::type>>>}, \
      {"tutti_one_shot_sum_" #word, run<one_shot<PlainSum<DataType::type>>>},
#define TUTTI_ANY_TYPE(word, type)                                        \
  {"tutti_reduce_any_" #word, run<reduce<AnyReduction<DataType::type>>>}, \
      {"tutti_one_shot_any_" #word, run<one_shot<AnyReduction<DataType::type>>>},
constexpr ThreadKernel kKernels[] = {
    {"tutti_move", run<move>}, TUTTI_CUDA_SUM_TYPES(TUTTI_TYPE) TUTTI_CUDA_TYPES(TUTTI_ANY_TYPE)};

}  // namespace

std::span<const ThreadKernel> fast_thread_kernels() { return kKernels; }

}  // namespace tutti::cuda
