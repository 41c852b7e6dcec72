// Cross-entropy (kernels/cross_entropy.h) on a device. A block has a token, whose logits may begin
// anywhere.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include <cmath>

#include "train/kernels/cross_entropy.h"
#include "train/kernels/device/pieces.h"

namespace tutti::train {

template <class S>
struct LargestLogits {
  static constexpr int kThreads = 512;

  LogitsShape shape;
  const S* logits;
  float* most;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const S* const row = logits + block.index() * shape.columns;
    float largest = -INFINITY;
    pieces_of(row, shape.words).each(block, [&](long at, auto wide) {
      const Floats<wide> numbers = load<wide>(row + at);
      for (int i = 0; i < wide; ++i) largest = fmaxf(largest, numbers.at[i]);
    });
    largest = block.most(largest);
    if (block.thread() == 0) most[block.index()] = largest;
  }
};

template <class S>
struct SumLogits {
  static constexpr int kThreads = 512;

  LogitsShape shape;
  const S* logits;
  const std::int32_t* labels;
  const float* most;
  float* sums;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long token = block.index();
    const S* const row = logits + token * shape.columns;
    const float top = most[token];
    float sum = 0;
    pieces_of(row, shape.words).each(block, [&](long at, auto wide) {
      const Floats<wide> numbers = load<wide>(row + at);
      for (int i = 0; i < wide; ++i) sum += exponential_of(numbers.at[i] - top);
    });
    sum = block.sum(sum);
    if (block.thread() != 0) return;
    const long target = labels[token] - shape.first_word;
    sums[2 * token] = sum;
    sums[2 * token + 1] =
        target >= 0 && target < shape.words ? static_cast<float>(row[target]) - top : 0;
  }
};

template <class S>
struct CrossEntropy {
  static constexpr int kThreads = 512;

  LogitsShape shape;
  S* logits;
  const std::int32_t* labels;
  const float* most;
  const float* sums;
  float scale;
  float* losses;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long token = block.index();
    const std::int32_t label = labels[token];
    const float sum = sums[2 * token];
    if (block.thread() == 0) {
      losses[token] = label == kIgnored ? 0 : logf(sum) - sums[2 * token + 1];
    }
    if (scale != 0) differentiate(block, label, label == kIgnored ? 0 : scale / sum);
  }

 private:
  TUTTI_ON_DEVICE void differentiate(const Block& block, std::int32_t label, float factor) const {
    S* const row = logits + block.index() * shape.columns;
    const float top = most[block.index()];
    const long target = label - shape.first_word;  // perhaps another rank's
    pieces_of(row, shape.columns).each(block, [&](long at, auto wide) {
      Floats<wide> numbers = load<wide>(row + at);
      for (int i = 0; i < wide; ++i) {
        const float share = exponential_of(numbers.at[i] - top) * factor;
        const float gradient = at + i == target ? share - scale : share;
        numbers.at[i] = at + i < shape.words ? gradient : 0;
      }
      store(numbers, row + at);
    });
  }
};

}  // namespace tutti::train
