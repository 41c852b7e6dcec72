// RMSNorm (kernels/norm.h) on a device. A block has a token; the second look at its numbers finds
// them in the cache.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include <cmath>

#include "train/kernels/device/pieces.h"

namespace tutti::train {

template <class S>
struct RmsNorm {
  static constexpr int kThreads = 256;

  Pieces<kPack<S>> pieces;
  float epsilon;
  const S* x;
  const S* w;
  S* y;
  float* r;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const S* const from = x + block.index() * pieces.width;
    S* const to = y + block.index() * pieces.width;
    float squares = 0;
    pieces.each(block, [&](long at, auto wide) {
      const Floats<wide> numbers = load<wide>(from + at);
      for (int i = 0; i < wide; ++i) squares += numbers.at[i] * numbers.at[i];
    });
    const float mean = block.sum(squares) / static_cast<float>(pieces.width);
    const float scale = 1 / sqrtf(mean + epsilon);
    pieces.each(block, [&](long at, auto wide) {
      Floats<wide> numbers = load<wide>(from + at);
      const Floats<wide> weights = load<wide>(w + at);
      for (int i = 0; i < wide; ++i) numbers.at[i] *= scale * weights.at[i];
      store(numbers, to + at);
    });
    if (block.thread() == 0) r[block.index()] = scale;
  }
};

/// With n = x r: dx += r (dy w - n mean(dy w n)).
template <class S>
struct RmsNormBackwardInput {
  static constexpr int kThreads = 256;

  Pieces<kPack<S>> pieces;
  const S* dy;
  const S* x;
  const S* w;
  const float* r;
  S* dx;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long begin = block.index() * pieces.width;
    float sum = 0;
    pieces.each(block, [&](long at, auto wide) {
      const Floats<wide> gradients = load<wide>(dy + begin + at);
      const Floats<wide> weights = load<wide>(w + at);
      const Floats<wide> numbers = load<wide>(x + begin + at);
      for (int i = 0; i < wide; ++i) sum += gradients.at[i] * weights.at[i] * numbers.at[i];
    });
    const float scale = r[block.index()];
    const float mean = block.sum(sum) * scale * scale / static_cast<float>(pieces.width);
    pieces.each(block, [&](long at, auto wide) {
      const Floats<wide> gradients = load<wide>(dy + begin + at);
      const Floats<wide> weights = load<wide>(w + at);
      const Floats<wide> numbers = load<wide>(x + begin + at);
      Floats<wide> results = load<wide>(dx + begin + at);
      for (int i = 0; i < wide; ++i) {
        results.at[i] += scale * (gradients.at[i] * weights.at[i] - numbers.at[i] * mean);
      }
      store(results, dx + begin + at);
    });
  }
};

/// A value of add_columns(): dy x r.
template <class S, int N>
struct RmsNormWeightGradient {
  static constexpr int kWide = N;

  long width;
  const S* dy;
  const S* x;
  const float* r;

  TUTTI_ON_DEVICE Floats<N> operator()(long row, long column) const {
    Floats<N> gradients = load<N>(dy + row * width + column);
    const Floats<N> numbers = load<N>(x + row * width + column);
    const float scale = r[row];
    for (int i = 0; i < N; ++i) gradients.at[i] *= numbers.at[i] * scale;
    return gradients;
  }
};

}  // namespace tutti::train
