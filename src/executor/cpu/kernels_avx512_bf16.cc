// Kernels of bfloat16 where the processor rounds to it (AVX512_BF16).
//
// The instruction is not the rounding that every instruction set must agree on: it flushes
// subnormals and keeps NaN payloads. Vectors with one of either, which are rare, go the plain way.
// As in kernels_avx2.cc, shared headers come before the pragma.
// Tested by kernels_test.cc.

#include "executor/cpu/kernels_isa.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <type_traits>

#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
#endif

#include "executor/cpu/kernels_avx512.h"

namespace tutti {
namespace {

struct HardwareBfloat {
  using Plain = Small<Avx512, Bfloat16>;
  static constexpr int kParts = 2;
  static constexpr std::size_t kElementBytes = 2;
  using Lane = float;
  using Wide = Avx512::F;
  using Raw = Avx512::Raw;

  TUTTI_INLINE void decode(Raw raw, Wide (&wide)[2]) { Plain::decode(raw, wide); }

  TUTTI_INLINE Raw encode(const Wide (&wide)[2]) {
    constexpr int kNanOrSubnormal = 0x01 | 0x20 | 0x80;
    const __mmask16 even = _mm512_fpclass_ps_mask((__m512)wide[0], kNanOrSubnormal);
    const __mmask16 odd = _mm512_fpclass_ps_mask((__m512)wide[1], kNanOrSubnormal);
    if (!_kortestz_mask16_u8(even, odd)) [[unlikely]]
      return plain_encode(wide[0], wide[1]);
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh((__m512)wide[1], (__m512)wide[0]);
    return (Raw)_mm512_maskz_permutexvar_epi16(~__mmask32{}, interleave(), halves);
  }

 private:
  [[gnu::noinline, gnu::cold]] static Raw plain_encode(Wide even, Wide odd) {
    return Plain::encode({even, odd});
  }

  /// 0, 16, 1, 17, …: from the even elements followed by the odd ones to their order in memory.
  TUTTI_INLINE __m512i interleave() {
    using U = Lanes<Avx512>::U;
    constexpr U kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return (__m512i)(kLane | ((kLane + 16) << 16));
  }
};

}  // namespace

Kernel avx512_bf16_kernel(Reduction reduction) {
  return select_float<Avx512, HardwareBfloat>(reduction);
}
ScaleKernel avx512_bf16_scale() { return &scale_floats<Avx512, HardwareBfloat>; }

}  // namespace tutti

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
