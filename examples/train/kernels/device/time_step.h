// Time steps (kernels/time_step.h) on a device. A thread has a pack of a token's numbers.
//
// Tested by train_device_mamba_test.cc.

#pragma once

#include "train/kernels/device/pack_rows.h"
#include "train/kernels/time_step.h"

namespace tutti::train {

constexpr float kSoftplusIsLinear = 20;

/// log(1 + e^x)
TUTTI_ON_DEVICE float softplus_of(float x) { return x > kSoftplusIsLinear ? x : log1pf(expf(x)); }

template <class S, int kWide>
struct TimeSteps {
  static constexpr int kThreads = 256;

  TimeStepShape shape;
  const S* raw;
  const float* bias;
  float* dt;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const auto lowest = static_cast<float>(shape.lowest);
    const auto highest = static_cast<float>(shape.highest);
    each_pack<kWide>(block, shape.tokens, shape.width, [&](long token, long column) {
      Floats<kWide> step = load<kWide>(raw + token * shape.raw_stride + column);
      const Floats<kWide> shift = load<kWide>(bias + column);
      for (int k = 0; k < kWide; ++k) {
        const float x = softplus_of(step.at[k] + shift.at[k]);
        step.at[k] = fminf(fmaxf(x, lowest), highest);
      }
      store(step, dt + token * shape.width + column);
    });
  }
};

template <class S, int kWide>
struct TimeStepsBackward {
  static constexpr int kThreads = 256;

  TimeStepShape shape;
  const S* raw;
  const float* bias;
  const float* d_dt;
  S* d_raw;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const auto lowest = static_cast<float>(shape.lowest);
    const auto highest = static_cast<float>(shape.highest);
    each_pack<kWide>(block, shape.tokens, shape.width, [&](long token, long column) {
      const Floats<kWide> before = load<kWide>(raw + token * shape.raw_stride + column);
      const Floats<kWide> shift = load<kWide>(bias + column);
      Floats<kWide> gradient = load<kWide>(d_dt + token * shape.width + column);
      for (int k = 0; k < kWide; ++k) {
        const float x = before.at[k] + shift.at[k];
        const float step = softplus_of(x);
        const float slope = x > kSoftplusIsLinear ? 1.0f : logistic(x);
        const bool is_free = step >= lowest && step <= highest;
        gradient.at[k] = is_free ? gradient.at[k] * slope : 0.0f;
      }
      store(gradient, d_raw + token * shape.raw_stride + column);
    });
  }
};

/// A value of add_columns().
template <class S, int kPackWidth>
struct StepGradient {
  static constexpr int kWide = kPackWidth;

  const S* d_raw;
  long stride;

  TUTTI_ON_DEVICE Floats<kWide> operator()(long row, long column) const {
    return load<kWide>(d_raw + row * stride + column);
  }
};

}  // namespace tutti::train
