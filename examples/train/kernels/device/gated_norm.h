// The end of a Mamba block (kernels/gated_norm.h) on a device. A thread has a pack of a token's
// numbers; where there are sums over a group of columns, a block has the group.
//
// Tested by train_device_mamba_test.cc.

#pragma once

#include "train/kernels/device/pack_rows.h"
#include "train/kernels/gated_norm.h"

namespace tutti::train {

template <class S, int kWide>
struct Gate {
  static constexpr int kThreads = 256;

  GateShape shape;
  const S* y;
  const S* z;
  S* v;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    each_pack<kWide>(block, shape.tokens, shape.width, [&](long token, long column) {
      const Floats<kWide> gates = load<kWide>(z + token * shape.z_stride + column);
      Floats<kWide> values = load<kWide>(y + token * shape.width + column);
      for (int k = 0; k < kWide; ++k) values.at[k] *= gates.at[k] * logistic(gates.at[k]);
      store(values, v + token * shape.width + column);
    });
  }
};

template <class S, int kWide>
struct GateBackward {
  static constexpr int kThreads = 256;

  GateShape shape;
  const S* dv;
  const S* y;
  const S* z;
  S* dy;
  S* dz;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    each_pack<kWide>(block, shape.tokens, shape.width, [&](long token, long column) {
      const long at = token * shape.width + column;
      const long at_z = token * shape.z_stride + column;
      const Floats<kWide> gates = load<kWide>(z + at_z);
      Floats<kWide> d_values = load<kWide>(dv + at);
      Floats<kWide> d_gates = load<kWide>(y + at);
      for (int k = 0; k < kWide; ++k) {
        const float gate = gates.at[k];
        const float share = logistic(gate);
        const float gradient = d_values.at[k] * share;
        d_values.at[k] = gradient * gate;
        d_gates.at[k] *= gradient * (1 + gate * (1 - share));
      }
      store(d_values, dy + at);
      store(d_gates, dz + at_z);
    });
  }
};

template <class S, int kWide>
struct GroupNormSquares {
  static constexpr int kThreads = 128;

  GroupNormShape shape;
  const S* v;
  float* squares;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const S* const row = v + block.index() * shape.width;
    float sum = 0;
    block.each(shape.width / kWide, [&](long pack) {
      const Floats<kWide> values = load<kWide>(row + pack * kWide);
      for (int k = 0; k < kWide; ++k) sum += values.at[k] * values.at[k];
    });
    sum = block.sum(sum);
    if (block.thread() == 0) squares[block.index()] = sum;
  }
};

template <class S, int kWide>
struct GroupNorm {
  static constexpr int kThreads = 128;

  GroupNormShape shape;
  const S* v;
  const S* w;
  float* squares;  // becomes r
  S* o;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long n = block.index();
    const float mean = squares[n] / static_cast<float>(shape.whole_width);
    const float r = 1 / sqrtf(mean + static_cast<float>(shape.epsilon));
    const S* const weights = w + n % shape.groups * shape.width;
    block.each(shape.width / kWide, [&](long pack) {
      Floats<kWide> values = load<kWide>(v + n * shape.width + pack * kWide);
      const Floats<kWide> weight = load<kWide>(weights + pack * kWide);
      for (int k = 0; k < kWide; ++k) values.at[k] *= r * weight.at[k];
      store(values, o + n * shape.width + pack * kWide);
    });
    block.meet();  // all have read it
    if (block.thread() == 0) squares[n] = r;
  }
};

template <class S, int kWide>
struct GroupNormBackwardSums {
  static constexpr int kThreads = 128;

  GroupNormShape shape;
  const S* d_o;
  const S* v;
  const S* w;
  float* sums;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long n = block.index();
    const S* const weights = w + n % shape.groups * shape.width;
    float sum = 0;
    block.each(shape.width / kWide, [&](long pack) {
      const Floats<kWide> values = load<kWide>(v + n * shape.width + pack * kWide);
      const Floats<kWide> gradients = load<kWide>(d_o + n * shape.width + pack * kWide);
      const Floats<kWide> weight = load<kWide>(weights + pack * kWide);
      for (int k = 0; k < kWide; ++k) sum += gradients.at[k] * weight.at[k] * values.at[k];
    });
    sum = block.sum(sum);
    if (block.thread() == 0) sums[n] = sum;
  }
};

/// With n = v r: dv = r (do w - n mean(do w n)).
template <class S, int kWide>
struct GroupNormBackwardInput {
  static constexpr int kThreads = 128;

  GroupNormShape shape;
  const S* d_o;
  const S* v;
  const S* w;
  const float* r;
  const float* sums;
  S* dv;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long n = block.index();
    const float factor = r[n];
    const float mean = sums[n] * factor * factor / static_cast<float>(shape.whole_width);
    const S* const weights = w + n % shape.groups * shape.width;
    block.each(shape.width / kWide, [&](long pack) {
      const Floats<kWide> values = load<kWide>(v + n * shape.width + pack * kWide);
      const Floats<kWide> weight = load<kWide>(weights + pack * kWide);
      Floats<kWide> gradients = load<kWide>(d_o + n * shape.width + pack * kWide);
      for (int k = 0; k < kWide; ++k) {
        gradients.at[k] = factor * (gradients.at[k] * weight.at[k] - values.at[k] * mean);
      }
      store(gradients, dv + n * shape.width + pack * kWide);
    });
  }
};

/// A value of add_columns(): what a token's groups, side by side, say of w.
template <class S, int kPackWidth>
struct GroupNormWeightGradient {
  static constexpr int kWide = kPackWidth;

  GroupNormShape shape;
  const S* d_o;
  const S* v;
  const float* r;

  TUTTI_ON_DEVICE Floats<kWide> operator()(long token, long column) const {
    const long at = token * shape.groups * shape.width + column;
    const float factor = r[token * shape.groups + column / shape.width];
    const Floats<kWide> values = load<kWide>(v + at);
    Floats<kWide> gradients = load<kWide>(d_o + at);
    for (int k = 0; k < kWide; ++k) gradients.at[k] *= values.at[k] * factor;
    return gradients;
  }
};

}  // namespace tutti::train
