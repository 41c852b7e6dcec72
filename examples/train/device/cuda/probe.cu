#include "train/device/cuda/probe.h"

namespace tutti::train {
namespace {

__global__ void probe() {}

}  // namespace

cudaError_t look_for_kernels() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, probe);
}

}  // namespace tutti::train
