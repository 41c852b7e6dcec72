// Sweeps are shorter under sanitizers, which make everything many times as long: fewer sizes of the
// same kinds, fewer repetitions. What a sanitizer looks for shows in the first few.

#pragma once

namespace tutti::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// `all`, or `few` where a sanitizer watches.
template <class T>
constexpr T or_few(T all, T few) {
  return kSanitized ? few : all;
}

}  // namespace tutti::test
