// Tiles (tiles.h) of any numbers on plain cores, and on the processor: in floats, without haste.
//
// Tested by train_device_attention_test.cc.

#pragma once

#include <cstddef>

#include "train/kernels/device/tiles.h"

namespace tutti::train {

/// A block's thread in a grid of them, of which each holds every kDown-th row of a matrix and of
/// that every kAcross-th number.
class GridThread {
 public:
#ifdef __CUDACC__
  static constexpr int kDown = 16;
  static constexpr int kAcross = 16;  // neighbours in a warp
#else
  static constexpr int kDown = 1;
  static constexpr int kAcross = 1;
#endif

  TUTTI_ON_DEVICE GridThread(const Block& block) : block_(block) {}  // NOLINT
  TUTTI_ON_DEVICE int thread() const { return block_.thread(); }
  TUTTI_ON_DEVICE void meet() const { block_.meet(); }
  TUTTI_ON_DEVICE float* shared() const { return block_.shared<float>(); }
  /// The value of the thread whose number differs in the bits of `apart`.
  TUTTI_ON_DEVICE float of_lane(float value, [[maybe_unused]] int apart) const {
#ifdef __CUDACC__
    return __shfl_xor_sync(0xffffffffu, value, apart);
#else
    return value;
#endif
  }

 private:
  const Block& block_;
};

template <class S, int kColumns, int kTall = (kColumns <= 64 ? 64 : 4096 / kColumns),
          class Thread = GridThread>
class PlainTiles {
 public:
  using Number = S;
  static constexpr int kThreads = 256;
  static constexpr int kWidth = kColumns;
  static constexpr int kRows = kTall;
  static constexpr int kSteps = kRows;

 private:
  static constexpr int kDown = Thread::kDown;
  static constexpr int kAcross = Thread::kAcross;
  static constexpr int kPitch = kWidth + 1;  // rows begin in different banks of the memory
  static constexpr int kScorePitch = kSteps + 1;
  static constexpr int kTile = kRows * kPitch;

 public:
  static constexpr int kRowsHeld = kRows / kDown;
  static constexpr int kStepsHeld = kSteps / kAcross;
  static constexpr int kColumnsHeld = kWidth / kAcross;
  static constexpr int kTogether = 1;
  using Scores = Held<kRowsHeld, kStepsHeld>;
  using Sums = Held<kRowsHeld, kColumnsHeld>;

  static constexpr std::size_t kSharedBytes =
      (6 * kTile + kRows * kScorePitch + 4 * kSteps) * sizeof(float);

  TUTTI_ON_DEVICE explicit PlainTiles(const Thread& thread)
      : thread_(thread), shared_(thread.shared()) {}

  TUTTI_ON_DEVICE int row(int i) const { return thread_.thread() / kAcross + i * kDown; }
  TUTTI_ON_DEVICE int column(int j) const { return thread_.thread() % kAcross + j * kAcross; }
  TUTTI_ON_DEVICE bool of_row_first() const { return thread_.thread() % kAcross == 0; }
  TUTTI_ON_DEVICE float sum_of_row(float value) const {
    return among_row(value, [](float a, float b) { return a + b; });
  }
  TUTTI_ON_DEVICE float most_of_row(float value) const {
    return among_row(value, [](float a, float b) { return a > b ? a : b; });
  }

  TUTTI_ON_DEVICE float* kept(int n) const { return shared_ + n * kTile; }
  TUTTI_ON_DEVICE float* passing(int n, int buffer) const {
    return shared_ + (2 + n + 2 * buffer) * kTile;
  }
  TUTTI_ON_DEVICE float* beside(int n, int buffer) const {
    return scores() + kRows * kScorePitch + (n + 2 * buffer) * kSteps;
  }

  TUTTI_ON_DEVICE void load_kept(const TileRows<const S>& from, int n) const {
    load(from, kept(n));
  }
  TUTTI_ON_DEVICE void load_passing(const TileRows<const S>& from, int n, int buffer) const {
    load(from, passing(n, buffer));
  }
  /// Every `stride`-th number, zeros from the count-th on.
  TUTTI_ON_DEVICE void load_beside(const float* from, int stride, int count, int n,
                                   int buffer) const {
    float* to = beside(n, buffer);
    each(kSteps, [&](int i) { to[i] = i < count ? from[long{i} * stride] : 0; });
  }
  TUTTI_ON_DEVICE void arrive() const {}
  TUTTI_ON_DEVICE void meet() const { thread_.meet(); }
  TUTTI_ON_DEVICE void converge() const {}

  TUTTI_ON_DEVICE void dots(const float* a, const float* b, Scores& result) const {
    result.clear();
    TUTTI_UNROLLED_TWICE for (int n = 0; n < kWidth; ++n) {
      float right[kStepsHeld];
      TUTTI_UNROLLED for (int j = 0; j < kStepsHeld; ++j) right[j] = b[column(j) * kPitch + n];
      TUTTI_UNROLLED for (int i = 0; i < kRowsHeld; ++i) {
        const float left = a[row(i) * kPitch + n];
        TUTTI_UNROLLED for (int j = 0; j < kStepsHeld; ++j) result.at[i][j] += left * right[j];
      }
    }
  }

  TUTTI_ON_DEVICE void mix(const Scores& weights, const float* b, Sums& sums) const {
    show(weights);
    for (int n = 0; n < kSteps; ++n) {
      float right[kColumnsHeld];
      TUTTI_UNROLLED for (int j = 0; j < kColumnsHeld; ++j) right[j] = b[n * kPitch + column(j)];
      TUTTI_UNROLLED for (int i = 0; i < kRowsHeld; ++i) {
        const float left = scores()[row(i) * kScorePitch + n];
        TUTTI_UNROLLED for (int j = 0; j < kColumnsHeld; ++j) sums.at[i][j] += left * right[j];
      }
    }
  }

 private:
  TUTTI_ON_DEVICE float* scores() const { return shared_ + 6 * kTile; }

  // For the other threads that hold the same rows.
  TUTTI_ON_DEVICE void show(const Scores& weights) const {
    meet();
    TUTTI_UNROLLED for (int i = 0; i < kRowsHeld; ++i) {
      TUTTI_UNROLLED for (int j = 0; j < kStepsHeld; ++j) {
        scores()[row(i) * kScorePitch + column(j)] = weights.at[i][j];
      }
    }
    meet();
  }

  // f(i) for every i < count, by whichever thread.
  template <class Function>
  TUTTI_ON_DEVICE void each(int count, Function f) const {
    for (int i = thread_.thread(); i < count; i += kDown * kAcross) f(i);
  }
  template <class Combine>
  TUTTI_ON_DEVICE float among_row(float value, Combine combine) const {
    TUTTI_UNROLLED for (int apart = kAcross / 2; apart > 0; apart /= 2) {
      value = combine(value, thread_.of_lane(value, apart));
    }
    return value;
  }

  TUTTI_ON_DEVICE void load(const TileRows<const S>& from, float* to) const {
    each(kRows * kWidth, [&](int n) {
      const int row = n / kWidth;
      const int column = n % kWidth;
      const bool there = row < from.rows && column < from.columns;
      to[row * kPitch + column] =
          there ? static_cast<float>(from.data[long{row} * from.stride + column]) : 0;
    });
  }

  const Thread thread_;
  float* const shared_;
};

}  // namespace tutti::train
