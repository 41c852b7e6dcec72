// 16- and 8-bit floats by table: every finite value listed, rounding by looking for the nearest.
//
// Shares no formula with float_formats.h, which is why tests compare the two.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace tutti {

class SmallFloatTable {
 public:
  SmallFloatTable(int exponent_bits, int mantissa_bits, bool has_infinity)
      : mantissa_bits_(mantissa_bits),
        bias_((1 << (exponent_bits - 1)) - 1),
        magnitudes_(1u << (exponent_bits + mantissa_bits)),
        infinity_(has_infinity ? magnitudes_ - (1u << mantissa_bits) : magnitudes_ - 1) {
    for (std::uint32_t i = 0; i < infinity_; ++i) values_.push_back(value_of(i));
    overflow_ = (values_.back() + value_of(infinity_)) / 2;
    if (!has_infinity) overflow_ = INFINITY;
  }

  std::uint32_t sign() const { return magnitudes_; }
  std::uint32_t nan() const { return magnitudes_ - 1; }
  /// The pattern of infinity; in a format without, of its one NaN.
  std::uint32_t infinity() const { return infinity_; }
  /// The finite values from zero up; a value's pattern is its index.
  const std::vector<double>& values() const { return values_; }
  /// The smallest value that rounds to infinity.
  double overflow() const { return overflow_; }

  double decode(std::uint32_t bits) const {
    const std::uint32_t magnitude = bits % magnitudes_;
    double value = NAN;
    if (magnitude < infinity_) value = values_[magnitude];
    if (magnitude == infinity_ && infinity_ != nan()) value = INFINITY;
    return (bits & sign()) != 0 ? -value : value;
  }

  /// Nearest, ties to the even pattern.
  std::uint32_t encode(double value) const {
    if (std::isnan(value)) return nan();
    const std::uint32_t sign_bit = std::signbit(value) ? sign() : 0;
    const double magnitude = std::fabs(value);
    if (magnitude >= overflow_ && infinity_ != nan()) return sign_bit | infinity_;
    const auto above = std::lower_bound(values_.begin(), values_.end(), magnitude);
    if (above == values_.end()) return sign_bit | (infinity_ - 1);
    const auto index = static_cast<std::uint32_t>(above - values_.begin());
    if (*above == magnitude || index == 0) return sign_bit | index;
    const double to_above = *above - magnitude, to_below = magnitude - above[-1];
    if (to_above == to_below) return sign_bit | (index - index % 2);
    return sign_bit | (to_above < to_below ? index : index - 1);
  }

 private:
  double value_of(std::uint32_t magnitude) const {
    const int exponent = static_cast<int>(magnitude >> mantissa_bits_);
    const double mantissa = magnitude % (1u << mantissa_bits_);
    const double ulp = std::ldexp(1.0, std::max(exponent, 1) - bias_ - mantissa_bits_);
    return ulp * (exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits_));
  }

  int mantissa_bits_;
  int bias_;
  std::uint32_t magnitudes_;  // how many patterns a sign has
  std::uint32_t infinity_;
  std::vector<double> values_;
  double overflow_ = 0;
};

inline SmallFloatTable float16_table() { return {5, 10, true}; }
inline SmallFloatTable bfloat16_table() { return {8, 7, true}; }
inline SmallFloatTable float8e4m3_table() { return {4, 3, false}; }
inline SmallFloatTable float8e5m2_table() { return {5, 2, true}; }

}  // namespace tutti
