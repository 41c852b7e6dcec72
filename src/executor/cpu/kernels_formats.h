// How the elements of a vector lie in memory, and as what they are computed with.
//
// A format turns a vector as loaded (V::Raw, of a unit V: see kernels_loops.h) into kParts vectors
// of lanes, and back, rounding. Every NaN becomes one pattern on the way back, so that no result
// depends on the order in which an instruction takes its operands.
// Tested by kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "executor/cpu/float_formats.h"

namespace tutti {

#define TUTTI_INLINE [[gnu::always_inline]] static inline

template <class Lane, int kBytes>
struct VectorOf {
  typedef Lane type __attribute__((vector_size(kBytes)));
};
template <class Lane, int kBytes>
using Vector = typename VectorOf<Lane, kBytes>::type;

template <class V>
struct Lanes {
  using U = Vector<std::uint32_t, V::kBytes>;
  using I = Vector<std::int32_t, V::kBytes>;
  using F = Vector<float, V::kBytes>;
};

template <class Lane>
inline constexpr bool kIsFloat = false;
template <>
inline constexpr bool kIsFloat<float> = true;
template <>
inline constexpr bool kIsFloat<double> = true;

/// Lanes computed with as they are.
template <class V, class T>
struct Plain {
  static constexpr int kParts = 1;
  static constexpr std::size_t kElementBytes = sizeof(T);
  using Lane = T;
  using Wide = Vector<T, V::kBytes>;
  using Raw = typename V::Raw;

  TUTTI_INLINE void decode(Raw raw, Wide (&wide)[1]) { wide[0] = (Wide)raw; }
  TUTTI_INLINE Raw encode(const Wide (&wide)[1]) {
    if constexpr (kIsFloat<T>) {
      using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
      using BitsVector = Vector<Bits, V::kBytes>;
      const BitsVector bits = (BitsVector)wide[0];
      return (Raw)(wide[0] != wide[0] ? BitsVector{} + (~Bits{} >> 1) : bits);
    } else {
      return (Raw)wide[0];
    }
  }
};

/// Small floats, widened to fp32. Part k holds the k-th element of every 32-bit lane: taking apart
/// and putting together are shifts, never shuffles.
template <class V, class Format>
struct Small {
  static constexpr int kParts = 32 / Format::kBits;
  static constexpr std::size_t kElementBytes = Format::kBits / 8;
  using Lane = float;
  using L = Lanes<V>;
  using Wide = typename L::F;
  using Raw = typename V::Raw;

  TUTTI_INLINE void decode(Raw raw, Wide (&wide)[kParts]) {
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) {
      wide[k] = Format::template decode<L>((typename L::U)raw >> (k * Format::kBits));
    }
  }
  TUTTI_INLINE Raw encode(const Wide (&wide)[kParts]) {
    typename L::U bits{};
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) {
      bits |= Format::template encode<L>(wide[k]) << (k * Format::kBits);
    }
    return (Raw)bits;
  }
};

/// Binary16 where the processor converts it.
template <class V>
struct HardwareHalf {
  static constexpr int kParts = 2;
  static constexpr std::size_t kElementBytes = 2;
  using Lane = float;
  using Wide = typename Lanes<V>::F;
  using Raw = typename V::Raw;

  TUTTI_INLINE void decode(Raw raw, Wide (&wide)[2]) { V::widen_half(raw, wide); }
  TUTTI_INLINE Raw encode(const Wide (&wide)[2]) {
    using U = typename Lanes<V>::U;
    const Wide nan = (Wide)(U{} + 0x7fffffffu);
    const Wide clean[2] = {wide[0] != wide[0] ? nan : wide[0], wide[1] != wide[1] ? nan : wide[1]};
    return V::narrow_half(clean);
  }
};

template <class V, bool kHardware>
struct HalfOf {
  using type = Small<V, Float16>;
};
template <class V>
struct HalfOf<V, true> {
  using type = HardwareHalf<V>;
};

}  // namespace tutti
