// The unit of AVX-512 F, BW, VL and DQ: its loads, stores and conversions.
//
// Included by the AVX-512 kernels only, after the pragma that compiles them for their processor.

#pragma once

#include <immintrin.h>

#include "executor/cpu/kernels_select.h"

namespace tutti {
namespace {

struct Avx512 {
  static constexpr int kBytes = 64;
  static constexpr bool kConvertsHalf = true;
  using Raw = Vector<std::uint64_t, kBytes>;
  using F = Vector<float, kBytes>;

  TUTTI_INLINE Raw load(const std::byte* from) { return (Raw)_mm512_loadu_si512(from); }
  TUTTI_INLINE void store(std::byte* to, Raw raw) { _mm512_storeu_si512(to, (__m512i)raw); }
  TUTTI_INLINE Raw load_piece(const std::byte* from, std::size_t bytes) {
    return (Raw)_mm512_maskz_loadu_epi8(first(bytes), from);
  }
  TUTTI_INLINE void store_piece(std::byte* to, Raw raw, std::size_t bytes) {
    _mm512_mask_storeu_epi8(to, first(bytes), (__m512i)raw);
  }
  TUTTI_INLINE __mmask64 first(std::size_t bytes) { return (1ull << bytes) - 1; }
  TUTTI_INLINE void stream(std::byte* to, Raw raw) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)raw);
  }
  TUTTI_INLINE void fence() { _mm_sfence(); }

  // Shuffles and full masks: the plain intrinsics name an undefined vector, which draws warnings.
  TUTTI_INLINE void widen_half(Raw raw, F (&wide)[2]) {
    const auto low = __builtin_shufflevector(raw, raw, 0, 1, 2, 3);
    const auto high = __builtin_shufflevector(raw, raw, 4, 5, 6, 7);
    wide[0] = (F)_mm512_maskz_cvtph_ps(0xffff, (__m256i)low);
    wide[1] = (F)_mm512_maskz_cvtph_ps(0xffff, (__m256i)high);
  }
  TUTTI_INLINE Raw narrow_half(const F (&wide)[2]) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT;
    const __m256i low = _mm512_maskz_cvtps_ph(0xffff, (__m512)wide[0], kNearest);
    const __m256i high = _mm512_maskz_cvtps_ph(0xffff, (__m512)wide[1], kNearest);
    return (Raw)__builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
  }
};

}  // namespace
}  // namespace tutti
