// NVIDIA's GPUs as accelerators: memory and streams by the CUDA runtime, which is part of this
// program, products by cuBLASLt, which is looked for when a GPU is opened. Programs start where
// there is neither a driver nor cuBLASLt.
//
// Where this was built without CUDA the functions say so. Tested by train_device_cuda_test.cc.

#pragma once

#include <memory>

#include "train/device/accelerator.h"

namespace tutti::train {

/// The GPUs that this process sees. Failure says why there is none.
int count_gpus();

/// As CUDA numbers GPUs for this process. Failure says what is missing: the driver, such a GPU, one
/// that is new enough, kernels for it, cuBLASLt.
std::unique_ptr<Accelerator> open_gpu(int ordinal);

}  // namespace tutti::train
