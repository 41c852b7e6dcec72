// AdamW (kernels/adam.h) on a device.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include <cmath>

#include "train/kernels/adam.h"
#include "train/kernels/device/pieces.h"

namespace tutti::train {

/// S: what weights are rounded to; float where they are not.
template <class S>
struct AdamWeights {
  static constexpr int kWide = 4;
  static constexpr int kThreads = Pieces<kWide>::kThreads;

  Pieces<kWide> pieces;
  float beta1, beta2, epsilon, factor, kept, rate, second_scale;  // as AdamStep has them
  const float* gradient;
  float* first;
  float* second;
  float* weight;
  S* rounded;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    pieces.each_of_rows(block, [&](long, long at, auto wide) {
      const Floats<wide> gradients = load<wide>(gradient + at);
      Floats<wide> m = load<wide>(first + at);
      Floats<wide> v = load<wide>(second + at);
      Floats<wide> w = load<wide>(weight + at);
      for (int i = 0; i < wide; ++i) {
        const float g = gradients.at[i] * factor;
        m.at[i] = beta1 * m.at[i] + (1 - beta1) * g;
        v.at[i] = beta2 * v.at[i] + (1 - beta2) * g * g;
        w.at[i] = kept * w.at[i] - rate * m.at[i] / (sqrtf(v.at[i]) * second_scale + epsilon);
      }
      store(m, first + at);
      store(v, second + at);
      store(w, weight + at);
      if constexpr (!std::is_same_v<S, float>) store(w, rounded + at);
    });
  }
};

}  // namespace tutti::train
