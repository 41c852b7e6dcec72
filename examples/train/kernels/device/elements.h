// Copies, sums and roundings of rows (kernels/elements.h) on a device.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include "train/kernels/device/pieces.h"
#include "train/kernels/elements.h"

namespace tutti::train {

/// sum = x + y; it may be either.
template <class S, class X>
struct AddRows {
  static constexpr int kWide = kPack<S>;
  static constexpr int kThreads = Pieces<kWide>::kThreads;

  Pieces<kWide> pieces;
  Rows<const X> x;
  Rows<const S> y;
  Rows<X> sum;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    pieces.each_of_rows(block, [&](long row, long at, auto wide) {
      Floats<wide> values = load<wide>(x.data + row * x.stride + at);
      const Floats<wide> more = load<wide>(y.data + row * y.stride + at);
      for (int i = 0; i < wide; ++i) values.at[i] += more.at[i];
      store(values, sum.data + row * sum.stride + at);
    });
  }
};

/// to = from, rounded where To is less exact.
template <class From, class To>
struct CopyRows {
  static constexpr int kWide = kPack<To>;
  static constexpr int kThreads = Pieces<kWide>::kThreads;

  Pieces<kWide> pieces;
  Rows<const From> from;
  Rows<To> to;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    pieces.each_of_rows(block, [&](long row, long at, auto wide) {
      store(load<wide>(from.data + row * from.stride + at), to.data + row * to.stride + at);
    });
  }
};

/// parts [blocks]: of each block's share of the numbers, the sum, or that of their squares.
template <bool kSquares>
struct SumParts {
  static constexpr int kWide = kPack<float>;
  static constexpr int kThreads = 512;

  Pieces<kWide> pieces;
  const float* values;
  float* parts;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    double sum = 0;  // of the thread's, of which there may be many
    block.each_of_all(pieces.count(), [&](long i) {
      pieces.piece(i, [&](long at, auto wide) { sum += of(load<wide>(values + at)); });
    });
    const float all = block.sum(static_cast<float>(sum));
    if (block.thread() == 0) parts[block.index()] = all;
  }

 private:
  template <int N>
  static TUTTI_ON_DEVICE float of(const Floats<N>& numbers) {
    float sum = 0;
    for (int i = 0; i < N; ++i) sum += kSquares ? numbers.at[i] * numbers.at[i] : numbers.at[i];
    return sum;
  }
};

}  // namespace tutti::train
