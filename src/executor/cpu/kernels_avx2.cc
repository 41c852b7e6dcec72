// Kernels for AVX2 with F16C.
//
// Everything but this file's own headers is included before the pragma: shared inline functions
// must not be compiled for a processor that may not be there.
// Tested by kernels_test.cc.

#include "executor/cpu/kernels_isa.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <type_traits>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,f16c")
#endif

#include "executor/cpu/kernels_select.h"

namespace tutti {
namespace {

struct Avx2 {
  static constexpr int kBytes = 32;
  static constexpr bool kConvertsHalf = true;
  using Raw = Vector<std::uint64_t, kBytes>;
  using F = Vector<float, kBytes>;

  TUTTI_INLINE Raw load(const std::byte* from) {
    return (Raw)_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  TUTTI_INLINE void store(std::byte* to, Raw raw) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)raw);
  }
  TUTTI_INLINE Raw load_piece(const std::byte* from, std::size_t bytes) {
    return load_words<Avx2>(from, bytes);
  }
  TUTTI_INLINE void store_piece(std::byte* to, Raw raw, std::size_t bytes) {
    store_words<Avx2>(to, raw, bytes);
  }
  TUTTI_INLINE void stream(std::byte* to, Raw raw) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)raw);
  }
  TUTTI_INLINE void fence() { _mm_sfence(); }

  TUTTI_INLINE void widen_half(Raw raw, F (&wide)[2]) {
    wide[0] = (F)_mm256_cvtph_ps(_mm256_castsi256_si128((__m256i)raw));
    wide[1] = (F)_mm256_cvtph_ps(_mm256_extracti128_si256((__m256i)raw, 1));
  }
  TUTTI_INLINE Raw narrow_half(const F (&wide)[2]) {
    const __m128i low = _mm256_cvtps_ph((__m256)wide[0], _MM_FROUND_TO_NEAREST_INT);
    const __m128i high = _mm256_cvtps_ph((__m256)wide[1], _MM_FROUND_TO_NEAREST_INT);
    return (Raw)_mm256_set_m128i(high, low);
  }
};

}  // namespace

Kernel avx2_kernel(DataType type, Reduction reduction) {
  return select_kernel<Avx2>(type, reduction);
}
ScaleKernel avx2_scale(DataType type) { return select_scale<Avx2>(type); }

}  // namespace tutti

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
