// What scaling and dividing do to an integer, on CPUs and GPUs alike. Tested by kernels_test.cc.

#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

namespace tutti {

/// Towards zero; what does not fit becomes the nearest limit, NaN becomes 0.
template <class T>
constexpr T to_integer(double value) {
  using Limits = std::numeric_limits<T>;
  if (value != value) return 0;
  if (value <= static_cast<double>(Limits::min())) return Limits::min();
  if (value >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<T>(value);
}

/// Truncates. The divisor is a number of ranks, so it may be larger than a small T holds: divides
/// in the 64-bit type of T's sign.
template <class T>
constexpr T divide_integer(T value, std::int64_t divisor) {
  using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  return static_cast<T>(static_cast<Wide>(value) / static_cast<Wide>(divisor));
}

}  // namespace tutti
