// Launches kernels. A kernel is a structure: what it works on, and
//
//   static constexpr int kThreads = 256;                   of a block, a multiple of 32
//   TUTTI_ON_DEVICE void operator()(const Block&) const;   what each thread does
//   std::size_t shared_bytes() const;                      where it has Block::shared()
//
// in a header of kernels/device, which a file *.cu there compiles for GPUs, with a line for each:
//
//   template void tutti::train::launch_on_gpu(long, const SwiGlu<Bf16>&, void*);
//
// Tested by train_device_test.cc.

#pragma once

#include <vector>

#include "train/device/accelerator.h"
#include "train/device/block.h"

namespace tutti::train {

template <class Kernel>
constexpr std::size_t shared_bytes_of(const Kernel& kernel) {
  if constexpr (requires { kernel.shared_bytes(); }) return kernel.shared_bytes();
  return 0;
}

/// In *.cu.
template <class Kernel>
void launch_on_gpu(long blocks, const Kernel& kernel, void* stream);

/// What a launch answers, a cudaError_t, made a Failure.
void expect_launched(int error, const char* kernel, std::size_t shared_bytes);

#ifdef __CUDACC__

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads)
    run_kernel(const __grid_constant__ Kernel kernel) {
  kernel(Block());
}

template <class Kernel>
void launch_on_gpu(long blocks, const Kernel& kernel, void* stream) {
  const std::size_t shared = shared_bytes_of(kernel);
  cudaError_t error = cudaSuccess;
  if (shared > 48 * 1024) {
    error = cudaFuncSetAttribute(run_kernel<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared));
  }
  if (error == cudaSuccess) {
    run_kernel<<<static_cast<unsigned>(blocks), Kernel::kThreads, shared,
                 static_cast<cudaStream_t>(stream)>>>(kernel);
    error = cudaGetLastError();
  }
  expect_launched(error, __PRETTY_FUNCTION__, shared);
}

#else

template <class Kernel>
void launch(long blocks, const Kernel& kernel) {
  if (blocks == 0) return;
#ifdef TUTTI_TRAIN_CUDA
  if (!accelerator().is_host()) return launch_on_gpu(blocks, kernel, accelerator().stream());
#endif
  std::vector<std::max_align_t> shared(shared_bytes_of(kernel) / sizeof(std::max_align_t) + 1);
  for (long i = 0; i < blocks; ++i) kernel(Block(i, blocks, shared.data()));
}

#endif

}  // namespace tutti::train
