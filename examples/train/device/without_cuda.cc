// cuda_accelerator.h where CUDA's compiler or headers were not found when this was built.

#include "train/device/cuda_accelerator.h"
#include "train/failure.h"

namespace tutti::train {

int count_gpus() {
  throw Failure(
      "no GPU can be used: tutti-train was built without CUDA (expected nvcc, cublasLt.h and "
      "libcudart_static.a of CUDA 12 or later when it is configured; see TUTTI_CUDA)");
}

std::unique_ptr<Accelerator> open_gpu(int) {
  count_gpus();
  return nullptr;
}

}  // namespace tutti::train
