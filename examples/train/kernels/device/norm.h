// RMSNorm (kernels/norm.h) on a device. A block has a token; the second look at its numbers finds
// them in the cache. S: what is computed with; X: of the residual stream, S or float.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include <cmath>

#include "train/kernels/device/pieces.h"

namespace tutti::train {

template <class S, class X>
struct RmsNorm {
  static constexpr int kThreads = 256;

  Pieces<kPack<S>> pieces;
  float epsilon;
  const X* x;
  const S* more;  // null: nothing is added to x
  const S* w;
  X* sum;
  S* y;
  float* r;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long begin = block.index() * pieces.width;
    const X* const from = (more == nullptr ? x : sum) + begin;
    S* const to = y + begin;
    float squares = 0;
    pieces.each(block, [&](long at, auto wide) {
      Floats<wide> numbers = load<wide>(x + begin + at);
      if (more != nullptr) {
        const Floats<wide> added = load<wide>(more + begin + at);
        for (int i = 0; i < wide; ++i) {
          numbers.at[i] = static_cast<float>(static_cast<X>(numbers.at[i] + added.at[i]));
        }
        store(numbers, sum + begin + at);
      }
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
template <class S, class X>
struct RmsNormBackwardInput {
  static constexpr int kThreads = 256;

  Pieces<kPack<S>> pieces;
  const S* dy;
  const X* x;
  const S* w;
  const float* r;
  X* dx;

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
template <class S, class X, int N>
struct RmsNormWeightGradient {
  static constexpr int kWide = N;

  long width;
  const S* dy;
  const X* x;
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
