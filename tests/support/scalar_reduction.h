// One reduction of one element, the obvious way: integers as 64-bit words, floats as doubles.
//
// Shares no code with the kernels. An fp32 sum or product of two fp32 computed in double and then
// rounded is the fp32 one, since double has more than twice the bits and two to spare.

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "small_float_table.h"
#include "tutti/types.h"

namespace tutti {

class ScalarReduction {
 public:
  ScalarReduction(DataType type, Reduction reduction) : type_(type), reduction_(reduction) {}

  /// The bits of elements[0] op elements[1] op …, from their bits.
  std::uint64_t operator()(const std::vector<std::uint64_t>& elements) const {
    return is_float(type_) ? reduce_floats(elements) : reduce_integers(elements);
  }

  double decode(std::uint64_t bits) const {
    if (type_ == DataType::kFloat64) return std::bit_cast<double>(bits);
    if (type_ == DataType::kFloat32) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    return table().decode(static_cast<std::uint32_t>(bits));
  }

  /// Rounds once; every NaN has all bits set but the sign.
  std::uint64_t encode(double value) const {
    const bool is_nan = std::isnan(value);
    if (type_ == DataType::kFloat64)
      return is_nan ? ~0ull >> 1 : std::bit_cast<std::uint64_t>(value);
    const float narrow = static_cast<float>(value);
    if (type_ == DataType::kFloat32)
      return is_nan ? ~0u >> 1 : std::bit_cast<std::uint32_t>(narrow);
    return table().encode(value);
  }

 private:
  const SmallFloatTable& table() const {
    static const SmallFloatTable float16 = float16_table(), bfloat16 = bfloat16_table(),
                                 e4m3 = float8e4m3_table(), e5m2 = float8e5m2_table();
    if (type_ == DataType::kFloat16) return float16;
    if (type_ == DataType::kBfloat16) return bfloat16;
    return type_ == DataType::kFloat8e4m3 ? e4m3 : e5m2;
  }

  template <class T>
  T logical(T a, T b) const {
    const bool left = a != 0, right = b != 0;
    if (reduction_ == Reduction::kLogicalAnd) return left && right;
    if (reduction_ == Reduction::kLogicalOr) return left || right;
    return left != right;
  }

  bool is_logical() const {
    return reduction_ == Reduction::kLogicalAnd || reduction_ == Reduction::kLogicalOr ||
           reduction_ == Reduction::kLogicalXor;
  }

  std::uint64_t reduce_floats(const std::vector<std::uint64_t>& elements) const {
    double result = decode(elements[0]);
    if (is_logical()) result = result != 0;
    for (std::size_t i = 1; i < elements.size(); ++i) {
      result = combine_floats(result, decode(elements[i]));
      if (type_ != DataType::kFloat64) result = static_cast<float>(result);
    }
    return encode(result);
  }

  double combine_floats(double a, double b) const {
    if (is_logical()) return logical(a, b);
    if (reduction_ == Reduction::kSum) return a + b;
    if (reduction_ == Reduction::kProd) return a * b;
    if (std::isnan(a) || std::isnan(b)) return NAN;
    const bool a_first = a == b ? std::signbit(a) : a < b;
    return a_first == (reduction_ == Reduction::kMin) ? a : b;
  }

  std::uint64_t reduce_integers(const std::vector<std::uint64_t>& elements) const {
    std::uint64_t result = is_logical() ? elements[0] != 0 : elements[0];
    for (std::size_t i = 1; i < elements.size(); ++i) {
      result = combine_integers(result, elements[i]) & mask();
    }
    return result;
  }

  std::uint64_t mask() const { return ~0ull >> (64 - 8 * size_of(type_)); }

  std::uint64_t combine_integers(std::uint64_t a, std::uint64_t b) const {
    if (is_logical()) return logical(a, b);
    if (reduction_ == Reduction::kSum) return a + b;
    if (reduction_ == Reduction::kProd) return a * b;
    if (reduction_ == Reduction::kBitAnd) return a & b;
    if (reduction_ == Reduction::kBitOr) return a | b;
    if (reduction_ == Reduction::kBitXor) return a ^ b;
    return less(a, b) == (reduction_ == Reduction::kMin) ? a : b;
  }

  bool less(std::uint64_t a, std::uint64_t b) const {
    const bool is_signed = type_ == DataType::kInt8 || type_ == DataType::kInt16 ||
                           type_ == DataType::kInt32 || type_ == DataType::kInt64;
    const int unused = 64 - 8 * static_cast<int>(size_of(type_));
    if (!is_signed) return a < b;
    return static_cast<std::int64_t>(a << unused) < static_cast<std::int64_t>(b << unused);
  }

  DataType type_;
  Reduction reduction_;
};

}  // namespace tutti
