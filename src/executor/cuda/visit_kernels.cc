#include "executor/cuda/visit_kernels.h"

namespace tutti::cuda {
namespace {

constexpr const char* kNames[] = {"tutti_come", "tutti_wait"};

template <void (*kKernel)(const Block&, const Visit&)>
void run(const void* arguments, int block, int blocks) {
  kKernel(Block(block, blocks), *static_cast<const Visit*>(arguments));
}
constexpr ThreadKernel kKernels[] = {{kNames[0], run<come>}, {kNames[1], run<wait_for_answer>}};

Status launch(Device& device, const char* name, const Visit& visit, Stream stream, int blocks,
              int threads) {
  return device.launch(stream, {.kernel = name,
                                .blocks = blocks,
                                .threads = threads,
                                .arguments = std::as_bytes(std::span(&visit, 1))});
}

}  // namespace

std::span<const char* const> visit_kernel_names() { return kNames; }
std::span<const ThreadKernel> visit_thread_kernels() { return kKernels; }

Status launch_come(Device& device, const Visit& visit, Stream stream) {
  return launch(device, kNames[0], visit, stream, 1, 1);
}
Status launch_wait(Device& device, const Visit& visit, Stream stream) {
  return launch(device, kNames[1], visit, stream, kPorterLines, kMostThreads);
}

}  // namespace tutti::cuda
