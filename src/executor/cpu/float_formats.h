// 16- and 8-bit floats: bits to fp32 and back, exactly.
//
// The formulas are written once and hold for a scalar and for a vector of lanes: the kernels use
// them on vectors (kernels_loops.h), tests and tools on scalars. Decoding is exact. Encoding rounds
// to nearest, ties to even; e4m3 saturates at 448 (infinities too), the others overflow to
// infinity. Every NaN becomes the positive all-ones pattern, which is what NVIDIA GPUs produce.
// No step makes or needs an fp32 subnormal, so flush-to-zero modes do not change a bit.
//
// Formats: IEEE 754 binary16, bfloat16, OCP 8-bit Floating Point Specification 1.0.
// Tested by float_formats_test.cc.

#pragma once

#include <cstdint>

namespace tutti {

/// One lane. A vector unit has the same three names for its vectors.
struct ScalarLanes {
  using U = std::uint32_t;
  using I = std::int32_t;
  using F = float;
};

/// A sign, `kExponent` and `kMantissa` bits, and the usual bias. `kFinite` formats have no
/// infinities, and only the all-ones magnitude is NaN (e4m3).
template <int kExponent, int kMantissa, bool kFinite>
struct SmallFloat {
  static constexpr int kBits = 1 + kExponent + kMantissa;
  static constexpr int kBias = (1 << (kExponent - 1)) - 1;
  static constexpr int kShift = 23 - kMantissa;  // from a mantissa to that of fp32
  static constexpr std::uint32_t kMagnitude = (1u << (kBits - 1)) - 1;
  static constexpr std::uint32_t kInfinity = kMagnitude - ((1u << kMantissa) - 1);
  static constexpr std::uint32_t kLargest = kFinite ? kMagnitude - 1 : kInfinity;

  /// The fp32 with biased exponent 127 + `power`: 2^power.
  static constexpr std::uint32_t power_of_two(int power) {
    return static_cast<std::uint32_t>(127 + power) << 23;
  }

  /// `bits`: the element in the low bits; those above are ignored.
  template <class L>
  [[gnu::always_inline]] static constexpr typename L::F decode(typename L::U bits) {
    using U = typename L::U;
    using I = typename L::I;
    using F = typename L::F;
    constexpr std::uint32_t kSmallestNormal = power_of_two(1 - kBias);
    const U magnitude = (bits & kMagnitude) << kShift;
    const U sign = (bits << (32 - kBits)) & 0x80000000u;
    const U normal = magnitude + ((127u - kBias) << 23);
    // A subnormal is what it adds to the smallest normal.
    const F above = __builtin_bit_cast(F, magnitude + kSmallestNormal) -
                    __builtin_bit_cast(F, U{} + kSmallestNormal);
    const I lanes = __builtin_bit_cast(I, magnitude);
    U value = lanes < (1 << 23) ? __builtin_bit_cast(U, above) : normal;
    if constexpr (kFinite) {
      value = lanes == static_cast<int>(kMagnitude << kShift) ? U{} + 0x7fffffffu : value;
    } else {
      value = lanes < static_cast<int>(kInfinity << kShift) ? value : (magnitude | 0x7f800000u);
    }
    return __builtin_bit_cast(F, value | sign);
  }

  /// The element in the low bits, zeros above.
  template <class L>
  [[gnu::always_inline]] static constexpr typename L::U encode(typename L::F value) {
    using U = typename L::U;
    using I = typename L::I;
    using F = typename L::F;
    // A power of two whose last place is the smallest subnormal: adding it rounds to that place.
    constexpr std::uint32_t kPlace = power_of_two(24 - kBias - kMantissa);
    const U bits = __builtin_bit_cast(U, value);
    const U magnitude = bits & 0x7fffffffu;
    const U sign = (bits >> (32 - kBits)) & (1u << (kBits - 1));
    const U rounded = magnitude + ((1u << (kShift - 1)) - 1) + ((magnitude >> kShift) & 1u);
    const U normal = (rounded - ((127u - kBias) << 23)) >> kShift;
    const F placed = __builtin_bit_cast(F, magnitude) + __builtin_bit_cast(F, U{} + kPlace);
    const U subnormal = __builtin_bit_cast(U, placed) - kPlace;
    const I lanes = __builtin_bit_cast(I, magnitude);
    U result = lanes < static_cast<int>(power_of_two(1 - kBias)) ? subnormal : normal;
    const I unclamped = __builtin_bit_cast(I, result);
    result = unclamped > static_cast<int>(kLargest) ? U{} + kLargest : result;
    return lanes > 0x7f800000 ? U{} + kMagnitude : result | sign;
  }
};

using Float16 = SmallFloat<5, 10, false>;
using Float8e4m3 = SmallFloat<4, 3, true>;
using Float8e5m2 = SmallFloat<5, 2, false>;

/// The upper half of an fp32.
struct Bfloat16 {
  static constexpr int kBits = 16;

  template <class L>
  [[gnu::always_inline]] static constexpr typename L::F decode(typename L::U bits) {
    return __builtin_bit_cast(typename L::F, bits << 16);
  }

  template <class L>
  [[gnu::always_inline]] static constexpr typename L::U encode(typename L::F value) {
    using U = typename L::U;
    const U bits = __builtin_bit_cast(U, value);
    const U rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return value != value ? U{} + 0x7fffu : rounded;
  }
};

/// Scalars: to_float<Float16>(0x3c00) == 1.0f, from_float<Float16>(1.0f) == 0x3c00.
template <class Format>
constexpr float to_float(std::uint32_t bits) {
  return Format::template decode<ScalarLanes>(bits);
}
template <class Format>
constexpr std::uint32_t from_float(float value) {
  return Format::template encode<ScalarLanes>(value);
}

}  // namespace tutti
