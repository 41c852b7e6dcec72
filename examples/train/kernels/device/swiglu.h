// SwiGLU (kernels/swiglu.h) on a device.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include "train/kernels/device/pieces.h"

namespace tutti::train {

template <class S>
struct SwiGlu {
  static constexpr int kThreads = Pieces<kPack<S>>::kThreads;

  Pieces<kPack<S>> pieces;
  const S* gate_up;
  S* a;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    pieces.each_of_rows(block, [&](long token, long at, auto wide) {
      const S* const pair = gate_up + 2 * token * pieces.width + at;
      Floats<wide> g = load<wide>(pair);
      const Floats<wide> u = load<wide>(pair + pieces.width);
      for (int i = 0; i < wide; ++i) g.at[i] *= logistic(g.at[i]) * u.at[i];
      store(g, a + token * pieces.width + at);
    });
  }
};

template <class S>
struct SwiGluBackward {
  static constexpr int kThreads = Pieces<kPack<S>>::kThreads;

  Pieces<kPack<S>> pieces;
  const S* da;
  const S* gate_up;
  S* d_gate_up;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    pieces.each_of_rows(block, [&](long token, long at, auto wide) {
      const long pair = 2 * token * pieces.width + at;
      const Floats<wide> gradients = load<wide>(da + token * pieces.width + at);
      Floats<wide> gates = load<wide>(gate_up + pair);
      Floats<wide> ups = load<wide>(gate_up + pair + pieces.width);
      for (int i = 0; i < wide; ++i) {
        const float g = gates.at[i];
        const float s = logistic(g);
        gates.at[i] = gradients.at[i] * ups.at[i] * s * (1 + g * (1 - s));
        ups.at[i] = gradients.at[i] * g * s;
      }
      store(gates, d_gate_up + pair);
      store(ups, d_gate_up + pair + pieces.width);
    });
  }
};

}  // namespace tutti::train
