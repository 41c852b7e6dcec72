// What a reduction does to packs: a plain sum, known when it is compiled, or anything.
//
// Both have the same three verbs. contribution(): a rank's input as it enters the reduction, scaled
// where the reduction scales, and rounded. add(): takes in the next rank's. result(): rounded, and
// divided where the reduction divides. What nobody adds to stays as it is, bit by bit.
//
// A product that feeds a sum has been rounded, and nvcc is told not to fuse them (-fmad=false).
// Tested by cuda_elements_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "executor/cpu/integers.h"
#include "executor/cuda/elements.h"
#include "executor/cuda/kernels.h"

namespace tutti::cuda {

// ---- operations on two values ----

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, void>>;

/// Of equal floats, or a NaN and anything, the OR of the bits: -0 | +0 is -0, and a NaN's bits with
/// more bits set are a NaN.
template <class T>
TUTTI_DEVICE T minimum(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return a < b ? a : b;
  } else {
    using Bits = BitsOf<T>;
    const Bits both = __builtin_bit_cast(Bits, a) | __builtin_bit_cast(Bits, b);
    return a < b ? a : (b < a ? b : __builtin_bit_cast(T, both));
  }
}

template <class T>
TUTTI_DEVICE T maximum(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return a > b ? a : b;
  } else {
    return -minimum(-a, -b);
  }
}

/// Integers wrap.
template <class T>
TUTTI_DEVICE T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<BitsOf<T>>(a) + static_cast<BitsOf<T>>(b));
  } else {
    return a + b;
  }
}
template <class T>
TUTTI_DEVICE T product(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<BitsOf<T>>(a) * static_cast<BitsOf<T>>(b));
  } else {
    return a * b;
  }
}

/// a op b. Bitwise operations take integers only, logical ones answer 0 or 1.
template <Reduction kReduction, class T>
TUTTI_DEVICE T combined(T a, T b) {
  if constexpr (kReduction == Reduction::kSum) return sum(a, b);
  if constexpr (kReduction == Reduction::kProd) return product(a, b);
  if constexpr (kReduction == Reduction::kMax) return maximum(a, b);
  if constexpr (kReduction == Reduction::kMin) return minimum(a, b);
  if constexpr (kReduction == Reduction::kLogicalAnd) return a != T{0} && b != T{0};
  if constexpr (kReduction == Reduction::kLogicalOr) return a != T{0} || b != T{0};
  if constexpr (kReduction == Reduction::kLogicalXor) return (a != T{0}) != (b != T{0});
  if constexpr (std::is_integral_v<T>) {
    if constexpr (kReduction == Reduction::kBitAnd) return a & b;
    if constexpr (kReduction == Reduction::kBitOr) return a | b;
    if constexpr (kReduction == Reduction::kBitXor) return a ^ b;
  }
  return a;
}

/// Calls f.operator()<kReduction>() with what combines two values. REQUIRES: not kUser.
template <class Function>
TUTTI_DEVICE void with_operation(Reduction reduction, Function f) {
  switch (reduction) {
    case Reduction::kSum:
    case Reduction::kAvg:
    case Reduction::kPreMulSum:
    case Reduction::kUser:
      return f.template operator()<Reduction::kSum>();
    case Reduction::kProd:
      return f.template operator()<Reduction::kProd>();
    case Reduction::kMax:
      return f.template operator()<Reduction::kMax>();
    case Reduction::kMin:
      return f.template operator()<Reduction::kMin>();
    case Reduction::kBitAnd:
      return f.template operator()<Reduction::kBitAnd>();
    case Reduction::kBitOr:
      return f.template operator()<Reduction::kBitOr>();
    case Reduction::kBitXor:
      return f.template operator()<Reduction::kBitXor>();
    case Reduction::kLogicalAnd:
      return f.template operator()<Reduction::kLogicalAnd>();
    case Reduction::kLogicalOr:
      return f.template operator()<Reduction::kLogicalOr>();
    case Reduction::kLogicalXor:
      return f.template operator()<Reduction::kLogicalXor>();
  }
}

// ---- packs ----

/// Whether a plain sum of the type is worth a loop of its own for each usual number of ranks. GPUs
/// that take e4m3 apart bit by bit need all registers for that.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 890
template <DataType kType>
inline constexpr bool kIsHot = kType != DataType::kFloat8e4m3;
#else
template <DataType kType>
inline constexpr bool kIsHot = true;
#endif

template <DataType kType>
struct PlainSum {
  static constexpr DataType kElementType = kType;
  static constexpr bool kHot = kIsHot<kType>;

  TUTTI_DEVICE explicit PlainSum(const Arithmetic& /*how*/) {}

  template <int kBytes>
  TUTTI_DEVICE Pack<kBytes> contribution(const Pack<kBytes>& pack) const {
    return pack;
  }
  template <int kBytes>
  TUTTI_DEVICE void add(Elements<kType, kBytes>& total, const Pack<kBytes>& pack) const {
    const auto next = Elements<kType, kBytes>::of(pack);
    TUTTI_UNROLL
    for (int i = 0; i < next.kCount; ++i) total.values[i] = sum(total.values[i], next.values[i]);
  }
  template <int kBytes>
  TUTTI_DEVICE Pack<kBytes> result(const Elements<kType, kBytes>& total) const {
    return total.pack();
  }
};

template <DataType kType>
class AnyReduction {
 public:
  static constexpr DataType kElementType = kType;
  static constexpr bool kHot = false;

  TUTTI_DEVICE explicit AnyReduction(const Arithmetic& how) : how_(how) {}

  template <int kBytes>
  TUTTI_DEVICE Pack<kBytes> contribution(const Pack<kBytes>& pack) const {
    if (how_.factor == 1.0) return pack;
    auto elements = Elements<kType, kBytes>::of(pack);
    TUTTI_UNROLL
    for (int i = 0; i < elements.kCount; ++i) elements.values[i] = scaled(elements.values[i]);
    return elements.pack();
  }

  template <int kBytes>
  TUTTI_DEVICE void add(Elements<kType, kBytes>& total, const Pack<kBytes>& pack) const {
    const auto next = Elements<kType, kBytes>::of(pack);
    with_operation(how_.reduction, [&]<Reduction kOperation>() {
      TUTTI_UNROLL
      for (int i = 0; i < next.kCount; ++i) {
        total.values[i] = combined<kOperation>(total.values[i], next.values[i]);
      }
    });
  }

  template <int kBytes>
  TUTTI_DEVICE Pack<kBytes> result(const Elements<kType, kBytes>& total) const {
    if (how_.divisor == 1) return total.pack();
    Elements<kType, kBytes> quotient = Elements<kType, kBytes>::of(total.pack());  // wraps first
    TUTTI_UNROLL
    for (int i = 0; i < quotient.kCount; ++i) quotient.values[i] = divided(quotient.values[i]);
    return quotient.pack();
  }

 private:
  using Wide = typename ElementOf<kType>::Wide;
  using Value = typename ElementOf<kType>::Value;

  TUTTI_DEVICE Wide scaled(Wide value) const {
    if constexpr (std::is_integral_v<Wide>) {
      return to_integer<Value>(how_.factor * static_cast<double>(value));
    } else {
      return value * static_cast<Wide>(how_.factor);
    }
  }
  TUTTI_DEVICE Wide divided(Wide value) const {
    if constexpr (std::is_integral_v<Wide>) {
      return divide_integer(static_cast<Value>(value), how_.divisor);
    } else {
      return value;  // floats were scaled
    }
  }

  const Arithmetic& how_;
};

}  // namespace tutti::cuda
