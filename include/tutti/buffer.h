// Typed memory as calls take it: a pointer, a number of elements and their type.
//
// Converts from spans, arrays and vectors of the C++ types that have a DataType. For types that C++
// lacks (fp16, bf16, fp8) name the type: Buffer(pointer, count, DataType::kBfloat16).

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <type_traits>

#include "tutti/types.h"

namespace tutti {

template <class T>
struct DataTypeOf;
template <>
struct DataTypeOf<std::int8_t> {
  static constexpr DataType value = DataType::kInt8;
};
template <>
struct DataTypeOf<char> {
  static constexpr DataType value = DataType::kInt8;
};
template <>
struct DataTypeOf<std::byte> {
  static constexpr DataType value = DataType::kUint8;
};
template <>
struct DataTypeOf<std::uint8_t> {
  static constexpr DataType value = DataType::kUint8;
};
template <>
struct DataTypeOf<std::int16_t> {
  static constexpr DataType value = DataType::kInt16;
};
template <>
struct DataTypeOf<std::uint16_t> {
  static constexpr DataType value = DataType::kUint16;
};
template <>
struct DataTypeOf<std::int32_t> {
  static constexpr DataType value = DataType::kInt32;
};
template <>
struct DataTypeOf<std::uint32_t> {
  static constexpr DataType value = DataType::kUint32;
};
template <>
struct DataTypeOf<std::int64_t> {
  static constexpr DataType value = DataType::kInt64;
};
template <>
struct DataTypeOf<std::uint64_t> {
  static constexpr DataType value = DataType::kUint64;
};
template <>
struct DataTypeOf<long long> {
  static constexpr DataType value = DataType::kInt64;
};
template <>
struct DataTypeOf<unsigned long long> {
  static constexpr DataType value = DataType::kUint64;
};
template <>
struct DataTypeOf<float> {
  static constexpr DataType value = DataType::kFloat32;
};
template <>
struct DataTypeOf<double> {
  static constexpr DataType value = DataType::kFloat64;
};

template <class T>
concept Element = requires {
  DataTypeOf<std::remove_cv_t<T>>::value;
};

template <class R>
concept ElementRange = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
    Element<std::ranges::range_value_t<R>>;

/// Memory that a call reads.
struct ConstBuffer {
  const void* data = nullptr;
  std::size_t count = 0;  // elements
  DataType type = DataType::kUint8;

  constexpr ConstBuffer() = default;
  constexpr ConstBuffer(const void* data, std::size_t count, DataType type)
      : data(data), count(count), type(type) {}
  template <ElementRange R>
  constexpr ConstBuffer(const R& range)  // NOLINT: a call takes what it can read
      : data(std::ranges::data(range)),
        count(std::ranges::size(range)),
        type(DataTypeOf<std::ranges::range_value_t<R>>::value) {}

  std::size_t bytes() const { return count * size_of(type); }
};

/// Memory that a call writes.
struct Buffer {
  void* data = nullptr;
  std::size_t count = 0;  // elements
  DataType type = DataType::kUint8;

  constexpr Buffer() = default;
  constexpr Buffer(void* data, std::size_t count, DataType type)
      : data(data), count(count), type(type) {}
  template <ElementRange R>
  requires(!std::is_const_v<std::remove_reference_t<
               std::ranges::range_reference_t<R>>>) constexpr Buffer(R&& range)  // NOLINT
      : data(std::ranges::data(range)),
        count(std::ranges::size(range)),
        type(DataTypeOf<std::ranges::range_value_t<R>>::value) {}

  std::size_t bytes() const { return count * size_of(type); }
  operator ConstBuffer() const { return {data, count, type}; }  // NOLINT
};

}  // namespace tutti
