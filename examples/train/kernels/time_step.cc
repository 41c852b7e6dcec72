#include "train/kernels/time_step.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

constexpr int kLinear = 20;  // from here softplus is the identity

// log(u), u >= 1 and no more than e^20, without a branch: u = m 2^n with m near 1, and
// log m = 2 artanh((m - 1) / (m + 1)) by its series.
TUTTI_INLINED float logarithm(float u) {
  const auto bits = std::bit_cast<std::uint32_t>(u);
  const std::uint32_t shifted = bits + (0x3f800000u - 0x3f3504f3u);  // m from sqrt(1/2)
  const auto n = static_cast<std::int32_t>(shifted >> 23) - 127;
  const float m = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(n) << 23));
  const float s = (m - 1) / (m + 1);
  const float q = s * s;
  const float series = 1 + q * (1.0f / 3 + q * (1.0f / 5 + q * (1.0f / 7 + q * (1.0f / 9))));
  return static_cast<float>(n) * 0.693147181f + 2 * s * series;
}

// log(1 + e^x), with what is lost in 1 + e^x given back.
TUTTI_INLINED float softplus(float x) {
  const float e = exponential(x < kLinear ? x : kLinear);
  const float u = 1 + e;
  const float small = logarithm(u) + (e - (u - 1)) / u;
  return x > kLinear ? x : small;
}
TUTTI_INLINED double softplus(double x) { return x > kLinear ? x : std::log1p(std::exp(x)); }

template <class T>
TUTTI_INLINED void forward(const TimeStepShape& s, const T* raw, const T* bias, T* dt) {
  const auto lowest = static_cast<T>(s.lowest);
  const auto highest = static_cast<T>(s.highest);
  for (long t = 0; t < s.tokens; ++t, raw += s.raw_stride, dt += s.width) {
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) {
      T step = softplus(raw[i] + bias[i]);
      step = step > lowest ? step : lowest;
      dt[i] = step < highest ? step : highest;
    }
  }
}

template <class T>
TUTTI_INLINED void backward(const TimeStepShape& s, const T* raw, const T* bias, const T* d_dt,
                            T* d_raw) {
  const auto lowest = static_cast<T>(s.lowest);
  const auto highest = static_cast<T>(s.highest);
  for (long t = 0; t < s.tokens; ++t) {
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) {
      const T x = raw[i] + bias[i];
      const T step = softplus(x);
      const T slope = x > kLinear ? T{1} : 1 / (1 + exponential(-x));
      d_raw[i] = (step >= lowest) & (step <= highest) ? d_dt[i] * slope : T{0};
    }
    raw += s.raw_stride;
    d_raw += s.raw_stride;
    d_dt += s.width;
  }
}

template <class T>
TUTTI_INLINED void backward_bias(const TimeStepShape& s, const T* d_raw, T* d_bias) {
  for (long t = 0; t < s.tokens; ++t, d_raw += s.raw_stride) {
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) d_bias[i] += d_raw[i];
  }
}

}  // namespace

#define TUTTI_TRANSLATE(T)                                                                        \
  template <>                                                                                     \
  TUTTI_VECTORS void time_steps(const TimeStepShape& shape, const T* raw, const T* bias, T* dt) { \
    forward(shape, raw, bias, dt);                                                                \
  }                                                                                               \
  template <>                                                                                     \
  TUTTI_VECTORS void time_steps_backward(const TimeStepShape& shape, const T* raw, const T* bias, \
                                         const T* d_dt, T* d_raw) {                               \
    backward(shape, raw, bias, d_dt, d_raw);                                                      \
  }                                                                                               \
  template <>                                                                                     \
  TUTTI_VECTORS void time_steps_backward_bias(const TimeStepShape& shape, const T* d_raw,         \
                                              T* d_bias) {                                        \
    backward_bias(shape, d_raw, d_bias);                                                          \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

}  // namespace tutti::train
