// Floats of every width, from their definition; slow and plain.
//
// Tested by cli_numbers_test.cc.

#include "cli/numbers.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace tutti::cli {
namespace {

std::uint64_t low_bits(int count) { return (std::uint64_t{1} << count) - 1; }

}  // namespace

double FloatFormat::smallest() const { return std::ldexp(1.0, 1 - bias() - mantissa_bits); }

FloatFormat format_of(DataType type) {
  switch (type) {
    case DataType::kFloat16:
      return {5, 10, true};
    case DataType::kBfloat16:
      return {8, 7, true};
    case DataType::kFloat32:
      return {8, 23, true};
    case DataType::kFloat64:
      return {11, 52, true};
    case DataType::kFloat8e4m3:
      return {4, 3, false};
    case DataType::kFloat8e5m2:
      return {5, 2, true};
    case DataType::kInt8:
    case DataType::kUint8:
    case DataType::kInt16:
    case DataType::kUint16:
    case DataType::kInt32:
    case DataType::kUint32:
    case DataType::kInt64:
    case DataType::kUint64:
      return {};
  }
  return {};
}

double decode(DataType type, std::uint64_t bits) {
  const FloatFormat format = format_of(type);
  const std::uint64_t mantissa = bits & low_bits(format.mantissa_bits);
  const int exponent =
      static_cast<int>(bits >> format.mantissa_bits & low_bits(format.exponent_bits));
  const double sign = bits >> (format.mantissa_bits + format.exponent_bits) & 1 ? -1.0 : 1.0;
  const bool highest = exponent == static_cast<int>(low_bits(format.exponent_bits));

  if (highest && format.has_infinity && mantissa == 0) {
    return sign * std::numeric_limits<double>::infinity();
  }
  if (highest && (format.has_infinity || mantissa == low_bits(format.mantissa_bits))) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - format.bias() - format.mantissa_bits);
  const std::uint64_t significand = mantissa | std::uint64_t{1} << format.mantissa_bits;
  return sign * std::ldexp(significand, exponent - format.bias() - format.mantissa_bits);
}

std::uint64_t encode(DataType type, double value) {
  const FloatFormat format = format_of(type);
  const std::uint64_t sign = std::uint64_t{std::signbit(value)}
                             << (format.mantissa_bits + format.exponent_bits);
  if (value == 0) return sign;
  int exponent = std::ilogb(value);
  const int lowest = 1 - format.bias();
  const bool subnormal = exponent < lowest;
  if (subnormal) exponent = lowest;
  const auto significand =
      static_cast<std::uint64_t>(std::ldexp(std::fabs(value), format.mantissa_bits - exponent));
  if (subnormal) return sign | significand;
  const auto biased = static_cast<std::uint64_t>(exponent + format.bias());
  return sign | biased << format.mantissa_bits | (significand & low_bits(format.mantissa_bits));
}

bool is_signed(DataType type) {
  return type == DataType::kInt8 || type == DataType::kInt16 || type == DataType::kInt32 ||
         type == DataType::kInt64;
}

std::uint64_t load_bits(const std::byte* data, DataType type) {
  const std::size_t bytes = size_of(type);
  std::uint64_t bits = 0;
  std::memcpy(&bits, data, bytes);  // little-endian, as every machine this runs on
  if (!is_signed(type) || bytes == sizeof bits) return bits;
  const int shift = static_cast<int>(64 - 8 * bytes);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << shift) >> shift);
}

void store_bits(std::byte* data, DataType type, std::uint64_t bits) {
  std::memcpy(data, &bits, size_of(type));
}

}  // namespace tutti::cli
