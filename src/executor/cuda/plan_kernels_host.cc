#include "executor/cuda/plan_kernels_host.h"

#include "executor/cuda/engine_roll_call.h"
#include "executor/cuda/interpreter.h"
#include "executor/cuda/local_pass.h"

namespace tutti::cuda {
namespace {

template <class Call, void (*kKernel)(const Block&, const Call&)>
void run(const void* arguments, int block, int blocks) {
  kKernel(Block(block, blocks), *static_cast<const Call*>(arguments));
}

#define TUTTI_TYPE(word, type)                                                 \
  {"tutti_interpret_" #word, run<InterpretedCall, interpret<DataType::type>>}, \
      {"tutti_pass_" #word, run<LocalPass, local_pass<DataType::type>>},
constexpr ThreadKernel kKernels[] = {
    TUTTI_CUDA_TYPES(TUTTI_TYPE){"tutti_compare_calls", run<EngineRollCall, compare_calls>}};
#undef TUTTI_TYPE

}  // namespace

std::span<const ThreadKernel> plan_thread_kernels() { return kKernels; }

}  // namespace tutti::cuda
