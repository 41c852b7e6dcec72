// Kernels for AVX-512 F, BW, VL and DQ. As in kernels_avx2.cc, shared headers come before the
// pragma.
// Tested by kernels_test.cc.

#include "executor/cpu/kernels_isa.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <type_traits>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq")
#endif

#include "executor/cpu/kernels_avx512.h"

namespace tutti {

Kernel avx512_kernel(DataType type, Reduction reduction) {
  return select_kernel<Avx512>(type, reduction);
}
ScaleKernel avx512_scale(DataType type) { return select_scale<Avx512>(type); }

}  // namespace tutti

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
