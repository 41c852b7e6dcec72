// Loops for the vector units of the processor at hand: TUTTI_VECTORS before a function makes the
// compiler translate it several times, and the loader choose. What it calls must be inlined
// (TUTTI_INLINED) to be translated with it. Not under sanitizers, which are not ready yet when the
// loader chooses.

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    defined(__GNUC__) && !defined(__clang__)
#define TUTTI_VECTORS [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#else
#define TUTTI_VECTORS
#endif
#define TUTTI_INLINED [[gnu::always_inline]] inline

namespace tutti::train {

/// e^x within 2 units of the last place, without a branch: loops with it become vectors. 0 below
/// -87; no larger than e^88.
TUTTI_INLINED float exponential(float x) {
  x = x > -87.0f ? x : -87.5f;
  x = x < 88.0f ? x : 88.0f;
  // x = n ln 2 + r, |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to an integer in the low bits.
  constexpr float kRound = 12582912.0f;
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.98756912e-4f;
  p = p * r + 1.39819994e-3f;
  p = p * r + 8.33345205e-3f;
  p = p * r + 4.16657962e-2f;
  p = p * r + 1.66666657e-1f;
  p = p * r + 5.00000000e-1f;
  p = p * (r * r) + r + 1.0f;
  const auto power = (std::bit_cast<std::uint32_t>(shifted) + 127u) << 23;
  const float scaled = p * std::bit_cast<float>(power);
  return x > -87.25f ? scaled : 0.0f;
}

/// The library's, for tests of equality.
TUTTI_INLINED double exponential(double x) { return std::exp(x); }

}  // namespace tutti::train
