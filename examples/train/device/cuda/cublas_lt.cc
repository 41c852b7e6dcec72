#include "train/device/cuda/cublas_lt.h"

#include <dlfcn.h>

#include <vector>

namespace tutti::train {
namespace {

// The loader's folders first, then where CUDA was when this was built. What the header is of comes
// first: a newer one may need a newer driver.
void* open_library() {
  constexpr int kOther = CUBLAS_VER_MAJOR == 12 ? 13 : 12;
  std::string tried;
  for (const std::string folder : {"", TUTTI_TRAIN_CUDA_LIBRARIES "/"}) {
    for (const int version : {CUBLAS_VER_MAJOR, kOther}) {
      const std::string file = folder + "libcublasLt.so." + std::to_string(version);
      if (void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
      tried += (tried.empty() ? "" : ", ") + file;
    }
  }
  throw Failure("cuBLASLt, which multiplies matrices on GPUs, cannot be opened: tried " + tried);
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw Failure("libcublasLt.so has no " + std::string(name));
}

}  // namespace

CublasLt open_cublas_lt() {
  void* const library = open_library();
  CublasLt lt;
  find(library, "cublasLtCreate", lt.create);
  find(library, "cublasLtDestroy", lt.destroy);
  find(library, "cublasLtGetStatusName", lt.status_name);
  find(library, "cublasLtMatmul", lt.multiply);
  find(library, "cublasLtMatmulAlgoGetHeuristic", lt.choose);
  find(library, "cublasLtMatmulDescCreate", lt.create_product);
  find(library, "cublasLtMatmulDescDestroy", lt.destroy_product);
  find(library, "cublasLtMatmulDescSetAttribute", lt.set_product);
  find(library, "cublasLtMatrixLayoutCreate", lt.create_layout);
  find(library, "cublasLtMatrixLayoutDestroy", lt.destroy_layout);
  find(library, "cublasLtMatrixLayoutSetAttribute", lt.set_layout);
  find(library, "cublasLtMatmulPreferenceCreate", lt.create_preference);
  find(library, "cublasLtMatmulPreferenceDestroy", lt.destroy_preference);
  find(library, "cublasLtMatmulPreferenceSetAttribute", lt.set_preference);
  return lt;
}

}  // namespace tutti::train
