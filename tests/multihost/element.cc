#include "element.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace tutti::multihost {
namespace {

template <class T>
void store_as(std::byte* element, int value) {
  const T typed = static_cast<T>(value);
  std::memcpy(element, &typed, sizeof(T));
}

template <class T>
long load_as(const std::byte* element) {
  T typed;
  std::memcpy(&typed, element, sizeof(T));
  return static_cast<long>(typed);
}

// The float formats of 16 bits are the leading bits of a float, but for fp16's shorter exponent.
std::uint16_t bfloat16(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
}

std::uint16_t float16(float value) {
  if (value == 0) return 0;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t exponent = (bits >> 23 & 255) - 127 + 15;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 1023));
}

double from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

double from_float16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = exponent == 0 ? (bits & 1023) / 512.0 : 1 + (bits & 1023) / 1024.0;
  return std::ldexp(bits & 0x8000 ? -fraction : fraction, exponent - 15);
}

}  // namespace

void store(std::byte* element, DataType type, int value) {
  if (type == DataType::kFloat16) return store_as<std::uint16_t>(element, float16(value));
  if (type == DataType::kBfloat16) return store_as<std::uint16_t>(element, bfloat16(value));
  if (type == DataType::kFloat32) return store_as<float>(element, value);
  if (type == DataType::kFloat64) return store_as<double>(element, value);
  switch (size_of(type)) {
    case 1:
      return store_as<std::int8_t>(element, value);
    case 2:
      return store_as<std::int16_t>(element, value);
    case 4:
      return store_as<std::int32_t>(element, value);
    default:
      return store_as<std::int64_t>(element, value);
  }
}

long load(const std::byte* element, DataType type) {
  std::uint16_t bits = 0;
  if (size_of(type) == 2) std::memcpy(&bits, element, 2);
  if (type == DataType::kFloat16) return static_cast<long>(from_float16(bits));
  if (type == DataType::kBfloat16) return static_cast<long>(from_bfloat16(bits));
  if (type == DataType::kFloat32) return load_as<float>(element);
  if (type == DataType::kFloat64) return load_as<double>(element);
  switch (size_of(type)) {
    case 1:
      return is_signed(type) ? load_as<std::int8_t>(element) : load_as<std::uint8_t>(element);
    case 2:
      return load_as<std::int16_t>(element);
    case 4:
      return load_as<std::int32_t>(element);
    default:
      return load_as<std::int64_t>(element);
  }
}

bool is_signed(DataType type) {
  return type != DataType::kUint8 && type != DataType::kUint16 && type != DataType::kUint32 &&
         type != DataType::kUint64;
}

}  // namespace tutti::multihost
