// Types of numbers in files, and their conversion to and from those that are computed with.
//
// Tested by train_safetensors_test.cc.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace tutti::train {

enum class Element { kF64, kF32, kBf16, kF16 };
inline constexpr Element kElements[] = {Element::kF64, Element::kF32, Element::kBf16,
                                        Element::kF16};

int bytes_of(Element element);
/// As in safetensors: "F64", "F32", "BF16", "F16".
std::string_view name(Element element);
/// As in config.json: "float64", "float32", "bfloat16", "float16".
std::string_view torch_name(Element element);
std::optional<Element> element_named(std::string_view name);

template <class T>
inline constexpr Element kElementOf = sizeof(T) == 8 ? Element::kF64 : Element::kF32;

/// `bytes` may lie anywhere. REQUIRES: bytes.size() == out.size() * bytes_of(element).
template <class T>
void decode(Element element, std::span<const std::byte> bytes, std::span<T> out);

/// To the nearest, ties to even. REQUIRES: the same.
template <class T>
void encode(Element element, std::span<const T> values, std::span<std::byte> out);

}  // namespace tutti::train
