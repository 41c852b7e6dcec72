// What models are computed with: a type of numbers says how exact they are, and where they lie.
//
//   float, double      memory of this process, for the loops of kernels/*.cc
//   OnDevice<float>    memory of an accelerator (device/accelerator.h), for kernels/device
//   OnDevice<Bf16>     the same
//
// All that computes is a template over these, and looks the same for all: kernels are functions of
// one name. Only addresses of numbers on a device pass through code of the host.
//
// Tested by train_device_test.cc.

#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "tutti/types.h"

#ifdef __CUDACC__
#define TUTTI_ANYWHERE __host__ __device__ __forceinline__
#else
#define TUTTI_ANYWHERE inline
#endif

namespace tutti::train {

/// The upper half of a float.
struct Bf16 {
  std::uint16_t bits = 0;

  Bf16() = default;
  /// Rounded to nearest, ties to even; what is not a number stays so.
  TUTTI_ANYWHERE explicit Bf16(float value) {
    const auto whole = std::bit_cast<std::uint32_t>(value);
    const bool is_number = (whole & 0x7fffffffu) <= 0x7f800000u;
    const std::uint32_t rounded = whole + 0x7fffu + ((whole >> 16) & 1u);
    bits = static_cast<std::uint16_t>(is_number ? rounded >> 16 : (whole >> 16) | 0x40u);
  }
  TUTTI_ANYWHERE explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

/// A number in the memory of an accelerator.
template <class S>
struct OnDevice {
  S value;
};

template <class T>
inline constexpr bool kOnDevice = false;
template <class S>
inline constexpr bool kOnDevice<OnDevice<S>> = true;

namespace element {
template <class T>
struct Traits {
  using Precise = T;
  using Host = T;
};
template <>
struct Traits<OnDevice<float>> {
  using Precise = OnDevice<float>;
  using Host = float;
};
template <>
struct Traits<OnDevice<Bf16>> {
  using Precise = OnDevice<float>;
  using Host = float;
};
}  // namespace element

/// What sums are kept in: gradients of weights, statistics, the weights that an optimizer changes.
template <class T>
using Precise = typename element::Traits<T>::Precise;
/// What the host, files and other meshes see of numbers that are to be kept.
template <class T>
using Host = typename element::Traits<T>::Host;

template <class T>
inline constexpr bool kIsPrecise = std::is_same_v<T, Precise<T>>;

/// As the library calls it.
template <class T>
inline constexpr DataType kTypeOf = std::is_same_v<T, double>           ? DataType::kFloat64
                                    : std::is_same_v<T, OnDevice<Bf16>> ? DataType::kBfloat16
                                                                        : DataType::kFloat32;

}  // namespace tutti::train
