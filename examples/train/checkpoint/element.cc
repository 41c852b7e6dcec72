#include "train/checkpoint/element.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace tutti::train {
namespace {

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float from_f16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  float size = 0;
  if (exponent == 0x1f) {
    size = fraction == 0 ? std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    size = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    size = std::ldexp(static_cast<float>(fraction | 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -size : size;
}

std::uint16_t to_f16(float value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::abs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (size >= 65520) return sign | 0x7c00;  // halfway beyond the largest, 65504
  // In units of the last place, of which numbers below 2^-14 all have the same.
  const int exponent = std::max(size == 0 ? -14 : std::ilogb(size), -14);
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return static_cast<std::uint16_t>(sign | (((exponent + 14) << 10) + units));
}

// Copies `count` numbers of type `Stored`, each through `convert`.
template <class Stored, class T, class Convert>
void decode_each(std::span<const std::byte> bytes, std::span<T> out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof stored, sizeof stored);
    out[i] = static_cast<T>(convert(stored));
  }
}

template <class Stored, class T, class Convert>
void encode_each(std::span<const T> values, std::span<std::byte> out, Convert convert) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Stored stored = convert(values[i]);
    std::memcpy(out.data() + i * sizeof stored, &stored, sizeof stored);
  }
}

}  // namespace

int bytes_of(Element element) {
  switch (element) {
    case Element::kF64:
      return 8;
    case Element::kF32:
      return 4;
    case Element::kBf16:
    case Element::kF16:
      return 2;
  }
  return 0;
}

std::string_view name(Element element) {
  switch (element) {
    case Element::kF64:
      return "F64";
    case Element::kF32:
      return "F32";
    case Element::kBf16:
      return "BF16";
    case Element::kF16:
      return "F16";
  }
  return "";
}

std::string_view torch_name(Element element) {
  switch (element) {
    case Element::kF64:
      return "float64";
    case Element::kF32:
      return "float32";
    case Element::kBf16:
      return "bfloat16";
    case Element::kF16:
      return "float16";
  }
  return "";
}

std::optional<Element> element_named(std::string_view text) {
  for (const Element element : kElements) {
    if (name(element) == text) return element;
  }
  return std::nullopt;
}

template <class T>
void decode(Element element, std::span<const std::byte> bytes, std::span<T> out) {
  switch (element) {
    case Element::kF64:
      return decode_each<double>(bytes, out, [](double value) { return value; });
    case Element::kF32:
      return decode_each<float>(bytes, out, [](float value) { return value; });
    case Element::kBf16:
      return decode_each<std::uint16_t>(bytes, out, from_bf16);
    case Element::kF16:
      return decode_each<std::uint16_t>(bytes, out, from_f16);
  }
}
template void decode(Element, std::span<const std::byte>, std::span<float>);
template void decode(Element, std::span<const std::byte>, std::span<double>);

template <class T>
void encode(Element element, std::span<const T> values, std::span<std::byte> out) {
  const auto to_float = [](T value) { return static_cast<float>(value); };
  switch (element) {
    case Element::kF64:
      return encode_each<double>(values, out, [](T value) { return value; });
    case Element::kF32:
      return encode_each<float>(values, out, to_float);
    case Element::kBf16:
      return encode_each<std::uint16_t>(values, out, [&](T x) { return to_bf16(to_float(x)); });
    case Element::kF16:
      return encode_each<std::uint16_t>(values, out, [&](T x) { return to_f16(to_float(x)); });
  }
}
template void encode(Element, std::span<const float>, std::span<std::byte>);
template void encode(Element, std::span<const double>, std::span<std::byte>);

}  // namespace tutti::train
