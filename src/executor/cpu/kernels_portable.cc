// Kernels for any processor: 16-byte vectors, which the compiler maps to what there is.
//
// Tested by kernels_test.cc.

#include "executor/cpu/kernels_select.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tutti {
namespace {

struct Portable {
  static constexpr int kBytes = 16;
  static constexpr bool kConvertsHalf = false;
  using Raw = Vector<std::uint64_t, kBytes>;

  TUTTI_INLINE Raw load(const std::byte* from) {
    Raw raw;
    __builtin_memcpy(&raw, from, sizeof(raw));
    return raw;
  }
  TUTTI_INLINE void store(std::byte* to, Raw raw) { __builtin_memcpy(to, &raw, sizeof(raw)); }
  TUTTI_INLINE Raw load_piece(const std::byte* from, std::size_t bytes) {
    return load_words<Portable>(from, bytes);
  }
  TUTTI_INLINE void store_piece(std::byte* to, Raw raw, std::size_t bytes) {
    store_words<Portable>(to, raw, bytes);
  }
#if defined(__SSE2__)
  TUTTI_INLINE void stream(std::byte* to, Raw raw) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)raw);
  }
  TUTTI_INLINE void fence() { _mm_sfence(); }
#else
  TUTTI_INLINE void stream(std::byte* to, Raw raw) { store(to, raw); }
  TUTTI_INLINE void fence() {}
#endif
};

}  // namespace

Kernel portable_kernel(DataType type, Reduction reduction) {
  return select_kernel<Portable>(type, reduction);
}
ScaleKernel portable_scale(DataType type) { return select_scale<Portable>(type); }

}  // namespace tutti
