// Tested by cuda_kernels_test.cc.

#include "executor/cuda/kernel_image.h"

#include <vector>

#include "executor/cuda/kernels.h"
#include "executor/cuda/multicast_kernels.h"
#include "executor/cuda/plan_kernels.h"
#include "executor/cuda/visit_kernels.h"

namespace tutti::cuda {
namespace {

std::vector<const char*> all_names() {
  std::vector<const char*> names(kernel_names().begin(), kernel_names().end());
  names.insert(names.end(), plan_kernel_names().begin(), plan_kernel_names().end());
  names.insert(names.end(), visit_kernel_names().begin(), visit_kernel_names().end());
  return names;
}

}  // namespace

KernelImage kernel_image() {
  static const std::vector<const char*> kNames = all_names();
  return {fatbins(), kNames, multicast_kernel_names()};
}

}  // namespace tutti::cuda
