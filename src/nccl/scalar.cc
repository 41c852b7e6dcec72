#include "nccl/scalar.h"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace tutti::nccl {
namespace {

template <class T>
double plain(const void* address) {
  T value;
  std::memcpy(&value, address, sizeof value);
  return static_cast<double>(value);
}

// Floats with a sign, `exponent` bits and `mantissa` bits, which begin with the sign.
struct Format {
  int exponent;
  int mantissa;
  bool has_infinity;  // else the highest exponent has numbers, and NaN is all ones
};

double small_float(unsigned bits, Format format) {
  const unsigned mantissa = bits & ((1u << format.mantissa) - 1);
  const unsigned highest = (1u << format.exponent) - 1;
  const unsigned exponent = bits >> format.mantissa & highest;
  const int bias = (1 << (format.exponent - 1)) - 1;
  const double sign = bits >> (format.exponent + format.mantissa) & 1 ? -1 : 1;
  if (exponent == highest && format.has_infinity) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == highest && mantissa + 1 == 1u << format.mantissa) return NAN;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - format.mantissa);
  return sign * std::ldexp(mantissa | 1u << format.mantissa,
                           static_cast<int>(exponent) - bias - format.mantissa);
}

template <class Bits>
unsigned bits_at(const void* address) {
  Bits bits;
  std::memcpy(&bits, address, sizeof bits);
  return bits;
}

}  // namespace

double read_element(const void* address, DataType type) {
  switch (type) {
    case DataType::kInt8:
      return plain<std::int8_t>(address);
    case DataType::kUint8:
      return plain<std::uint8_t>(address);
    case DataType::kInt16:
      return plain<std::int16_t>(address);
    case DataType::kUint16:
      return plain<std::uint16_t>(address);
    case DataType::kInt32:
      return plain<std::int32_t>(address);
    case DataType::kUint32:
      return plain<std::uint32_t>(address);
    case DataType::kInt64:
      return plain<std::int64_t>(address);
    case DataType::kUint64:
      return plain<std::uint64_t>(address);
    case DataType::kFloat16:
      return small_float(bits_at<std::uint16_t>(address), {5, 10, true});
    case DataType::kBfloat16:
      return small_float(bits_at<std::uint16_t>(address), {8, 7, true});
    case DataType::kFloat8e4m3:
      return small_float(bits_at<std::uint8_t>(address), {4, 3, false});
    case DataType::kFloat8e5m2:
      return small_float(bits_at<std::uint8_t>(address), {5, 2, true});
    case DataType::kFloat32:
      return plain<float>(address);
    case DataType::kFloat64:
      return plain<double>(address);
  }
  return 1;
}

double PreMulSum::value() const {
  return address == nullptr ? factor : read_element(address, type);
}

}  // namespace tutti::nccl
