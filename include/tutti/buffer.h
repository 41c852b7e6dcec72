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

/// C++ types that are elements: integers, bytes, float and double.
template <class T>
concept Element =
    (std::integral<T> && !std::same_as<std::remove_cv_t<T>, bool>) ||
    std::same_as<std::remove_cv_t<T>, std::byte> || std::same_as<std::remove_cv_t<T>, float> ||
    std::same_as<std::remove_cv_t<T>, double>;

/// Their DataType: integers by size and sign.
template <Element T>
constexpr DataType data_type_of() {
  if constexpr (std::floating_point<T>) {
    return sizeof(T) == 4 ? DataType::kFloat32 : DataType::kFloat64;
  } else if constexpr (std::is_signed_v<T>) {
    return sizeof(T) == 1   ? DataType::kInt8
           : sizeof(T) == 2 ? DataType::kInt16
           : sizeof(T) == 4 ? DataType::kInt32
                            : DataType::kInt64;
  } else {
    return sizeof(T) == 1   ? DataType::kUint8
           : sizeof(T) == 2 ? DataType::kUint16
           : sizeof(T) == 4 ? DataType::kUint32
                            : DataType::kUint64;
  }
}

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
        type(data_type_of<std::ranges::range_value_t<R>>()) {}

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
        type(data_type_of<std::ranges::range_value_t<R>>()) {}

  std::size_t bytes() const { return count * size_of(type); }
  operator ConstBuffer() const { return {data, count, type}; }  // NOLINT
};

}  // namespace tutti
