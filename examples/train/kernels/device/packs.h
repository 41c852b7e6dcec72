// Numbers side by side, as kernels read and write them: up to 16 bytes at once, in between floats.
//
// Tested by train_device_mamba_test.cc, with what it serves.

#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "train/device/block.h"
#include "train/element.h"
#ifndef __CUDACC__
#include "train/failure.h"
#endif

#ifdef __CUDACC__
#define TUTTI_UNROLLED _Pragma("unroll")
#else
#define TUTTI_UNROLLED
#endif

namespace tutti::train {

/// So many are 16 bytes.
template <class S>
inline constexpr int kPack = 16 / sizeof(S);

template <int N>
struct Floats {
  float at[N];
};

template <class S, int N>
struct alignas(N * sizeof(S)) Aligned {
  S at[N];
};

// GPUs look themselves; where the processor stands in for one it refuses what they would.
#ifdef __CUDACC__
TUTTI_ON_DEVICE void expect_aligned(const void*, std::size_t) {}
#else
inline void expect_aligned(const void* at, std::size_t bytes) {
  const auto past = reinterpret_cast<std::uintptr_t>(at) % bytes;
  if (past == 0) return;
  throw Failure("a kernel's address is " + std::to_string(past) + " bytes past a multiple of " +
                std::to_string(bytes) + ": expected a multiple");
}
#endif

/// REQUIRES: N is a power of two; from is aligned to N numbers, or to 16 bytes.
template <int N, class S>
TUTTI_ON_DEVICE Floats<N> load(const S* from) {
  constexpr int kAtOnce = N < kPack<S> ? N : kPack<S>;
  Floats<N> floats;
  expect_aligned(from, kAtOnce * sizeof(S));
  for (int first = 0; first < N; first += kAtOnce) {
    const auto raw = *reinterpret_cast<const Aligned<S, kAtOnce>*>(from + first);
    for (int i = 0; i < kAtOnce; ++i) floats.at[first + i] = static_cast<float>(raw.at[i]);
  }
  return floats;
}

#ifdef __CUDA_ARCH__

// In assembly, because the compiler often takes stores of vectors apart.
namespace words {
TUTTI_ON_DEVICE void put(const unsigned (&w)[1], void* to) { *static_cast<unsigned*>(to) = w[0]; }
TUTTI_ON_DEVICE void put(const unsigned (&w)[2], void* to) {
  asm volatile("st.v2.b32 [%0], {%1, %2};" ::"l"(to), "r"(w[0]), "r"(w[1]) : "memory");
}
TUTTI_ON_DEVICE void put(const unsigned (&w)[4], void* to) {
  asm volatile("st.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(w[0]), "r"(w[1]), "r"(w[2]),
               "r"(w[3])
               : "memory");
}

/// Word i of numbers rounded to S.
template <class S>
TUTTI_ON_DEVICE unsigned word(const float* numbers, int i) {
  if constexpr (std::is_same_v<S, float>) {
    return __float_as_uint(numbers[i]);
  } else {
    unsigned both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;"
        : "=r"(both)
        : "f"(numbers[2 * i + 1]), "f"(numbers[2 * i]));
    return both;
  }
}
}  // namespace words

template <int N, class S>
TUTTI_ON_DEVICE void store(const Floats<N>& floats, S* to) {
  constexpr int kAtOnce = N < kPack<S> ? N : kPack<S>;
  if constexpr (kAtOnce * sizeof(S) < 4) {
    *to = static_cast<S>(floats.at[0]);
  } else {
    constexpr int kWords = kAtOnce * sizeof(S) / 4;
    for (int first = 0; first < N; first += kAtOnce) {
      unsigned w[kWords];
      for (int i = 0; i < kWords; ++i) w[i] = words::word<S>(floats.at + first, i);
      words::put(w, to + first);
    }
  }
}

#else

template <int N, class S>
TUTTI_ON_DEVICE void store(const Floats<N>& floats, S* to) {
  expect_aligned(to, (N < kPack<S> ? N : kPack<S>)*sizeof(S));
  for (int i = 0; i < N; ++i) to[i] = static_cast<S>(floats.at[i]);
}

#endif

/// Addresses as kernels take them.
template <class S>
S* plain(OnDevice<S>* address) {
  return reinterpret_cast<S*>(address);
}
template <class S>
const S* plain(const OnDevice<S>* address) {
  return reinterpret_cast<const S*>(address);
}

/// Whether packs of 16 bytes can be read: REQUIRES of load(). Null is.
template <class... Addresses>
bool is_aligned(const Addresses*... addresses) {
  return ((reinterpret_cast<std::uintptr_t>(addresses) % 16 == 0) && ...);
}
/// Whether rows so wide, or so far apart, are of packs.
template <class S, class... Longs>
bool divides(Longs... elements) {
  return ((elements % kPack<S> == 0) && ...);
}

/// Calls f<16 bytes of S>() or f<1>(): f is a lambda of an std::integral_constant.
template <class S, class Function>
void by_packs(bool possible, Function f) {
  if (possible) {
    f(std::integral_constant<int, kPack<S>>());
  } else {
    f(std::integral_constant<int, 1>());
  }
}

TUTTI_ANYWHERE constexpr long ceil_divide(long a, long b) { return (a + b - 1) / b; }
TUTTI_ANYWHERE constexpr long smaller(long a, long b) { return a < b ? a : b; }

/// e^x within 2 units of the last place where it is not tiny.
TUTTI_ON_DEVICE float exponential_of(float x) {
#ifdef __CUDACC__
  return __expf(x);
#else
  return std::exp(x);
#endif
}
/// 2^x; 0 where it is tiny.
TUTTI_ON_DEVICE float power_of_two(float x) {
#ifdef __CUDACC__
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  return std::exp2(x);
#endif
}
/// 1 / (1 + e^-x)
TUTTI_ON_DEVICE float logistic(float x) {
#ifdef __CUDACC__
  return __fdividef(1.0f, 1.0f + __expf(-x));  // 0 where e^-x is above 2^126
#else
  return 1 / (1 + std::exp(-x));
#endif
}

}  // namespace tutti::train
