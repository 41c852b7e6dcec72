#include "executor/cuda/plan_kernels.h"

#include "executor/cuda/engine_roll_call.h"
#include "executor/cuda/interpreter.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/local_pass.h"

namespace tutti::cuda {
namespace {

constexpr const char* kComparison = "tutti_compare_calls";
#define NAMES(word, type) "tutti_interpret_" #word, "tutti_pass_" #word,
constexpr const char* kNames[] = {TUTTI_CUDA_TYPES(NAMES) kComparison};
#undef NAMES

}  // namespace

const char* interpreter_name(DataType type) {
#define CASE(word, type) \
  case DataType::type:   \
    return "tutti_interpret_" #word;
  switch (type) { TUTTI_CUDA_TYPES(CASE) }
#undef CASE
  return nullptr;
}

const char* pass_name(DataType type) {
#define CASE(word, type) \
  case DataType::type:   \
    return "tutti_pass_" #word;
  switch (type) { TUTTI_CUDA_TYPES(CASE) }
#undef CASE
  return nullptr;
}

std::span<const char* const> plan_kernel_names() { return kNames; }

Status launch_interpreter(Device& device, const InterpretedCall& call, DataType type,
                          const LaunchSize& size, Stream stream) {
  return device.launch(stream, {.kernel = interpreter_name(type),
                                .blocks = size.blocks,
                                .threads = size.threads,
                                .arguments = std::as_bytes(std::span(&call, 1))});
}

Status launch_pass(Device& device, const LocalPass& pass, DataType type, int blocks,
                   Stream stream) {
  return device.launch(stream, {.kernel = pass_name(type),
                                .blocks = blocks,
                                .threads = kMostThreads,
                                .arguments = std::as_bytes(std::span(&pass, 1))});
}

Status launch_comparison(Device& device, const EngineRollCall& call, Stream stream) {
  return device.launch(stream, {.kernel = kComparison,
                                .blocks = 1,
                                .threads = 32,  // a warp, and no fewer than there are ranks
                                .arguments = std::as_bytes(std::span(&call, 1))});
}

}  // namespace tutti::cuda
