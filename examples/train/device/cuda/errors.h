// What the CUDA runtime answers, as failures.

#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "train/failure.h"

namespace tutti::train {

/// `doing`: "copy to the GPU".
inline void must(cudaError_t error, const std::string& doing) {
  if (error == cudaSuccess) return;
  throw Failure(doing + ": " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")");
}

}  // namespace tutti::train
