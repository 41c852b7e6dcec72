// Element values by hand: floats of every width to and from bits, without the library under test.

#pragma once

#include <cstddef>
#include <cstdint>

#include "tutti/types.h"

namespace tutti::cli {

/// How a binary float is laid out: sign, exponent, mantissa, from the highest bit down.
struct FloatFormat {
  int exponent_bits = 0;
  int mantissa_bits = 0;
  bool has_infinity = true;  // false: the highest exponent holds numbers too, all ones is NaN

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  /// Significant bits, the hidden one included: integers up to 2^precision() are exact.
  int precision() const { return mantissa_bits + 1; }
  /// The smallest positive value.
  double smallest() const;
};

/// REQUIRES: is_float(type).
FloatFormat format_of(DataType type);

/// The value that the bits stand for; infinities and NaN included.
double decode(DataType type, std::uint64_t bits);

/// The bits of a value. REQUIRES: the type can hold it exactly.
std::uint64_t encode(DataType type, double value);

/// Whether the lowest bits of an integer type are a signed number.
bool is_signed(DataType type);

/// Bits of an element, widened: sign-extended for signed integers, zero-extended otherwise.
std::uint64_t load_bits(const std::byte* data, DataType type);
void store_bits(std::byte* data, DataType type, std::uint64_t bits);

}  // namespace tutti::cli
