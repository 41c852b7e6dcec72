// Tiles (tiles.h) whose products tensor cores make: Bf16, sums in float. A warp has 16 kTall of the
// rows that are kept, and goes through all that pass. What it holds of a product is what the next
// one takes (Dao, "FlashAttention", 2022), so that nothing passes through shared memory but tiles.
//
// There, rows are cut into pieces of 16 bytes, and piece c of row r lies where piece c xor (r mod
// 8) would: eight rows' pieces, which ldmatrix reads at once, are in different banks.
//
// Thread: GpuThread, or what does the same elsewhere.
// Tested by train_device_attention_test.cc.

#pragma once

#include <cstddef>

#include "train/kernels/device/tiles.h"

namespace tutti::train {

template <int kColumns, int kWarps, int kTall16, int kPassing, int kKept>
struct TensorShape {
  static constexpr int kWidth = kColumns;
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kTall = kTall16;
  static constexpr int kRows = 16 * kTall * kWarps;
  static constexpr int kSteps = kPassing;
  static constexpr int kRowBytes = 2 * kWidth;
  static constexpr int kTiles = kKept;  // that are kept
  static constexpr int kBeside = (kTiles * kRows + 4 * kSteps) * kRowBytes;
  static constexpr std::size_t kSharedBytes = kBeside + 4 * kSteps * sizeof(float);
};

template <class Thread, class Shape>
class TensorTiles {
 public:
  using Number = Bf16;
  static constexpr int kThreads = Shape::kThreads;
  static constexpr int kWidth = Shape::kWidth;
  static constexpr int kRows = Shape::kRows;
  static constexpr int kSteps = Shape::kSteps;
  static constexpr std::size_t kSharedBytes = Shape::kSharedBytes;

  static constexpr int kRowsHeld = 2 * Shape::kTall;
  static constexpr int kStepsHeld = kSteps / 4;
  static constexpr int kColumnsHeld = kWidth / 4;
  static constexpr int kTogether = 2;
  using Scores = Held<kRowsHeld, kStepsHeld>;
  using Sums = Held<kRowsHeld, kColumnsHeld>;

  TUTTI_ON_DEVICE explicit TensorTiles(const Thread& thread)
      : thread_(thread),
        lane_(static_cast<unsigned>(thread.thread()) % 32),
        warp_row_(static_cast<unsigned>(thread.thread()) / 32 * kWarpRows) {}

  TUTTI_ON_DEVICE int row(int i) const {
    return 8 * i + static_cast<int>(thread_.forget(warp_row_ + lane_ / 4));
  }
  TUTTI_ON_DEVICE int column(int j) const {
    return j / 2 * 8 + j % 2 + static_cast<int>(lane_ % 4 * 2);
  }
  TUTTI_ON_DEVICE bool of_row_first() const { return lane_ % 4 == 0; }
  TUTTI_ON_DEVICE float sum_of_row(float value) const {
    value += thread_.of_lane(value, 1);
    return value + thread_.of_lane(value, 2);
  }
  TUTTI_ON_DEVICE float most_of_row(float value) const {
    for (const int apart : {1, 2}) {
      const float other = thread_.of_lane(value, apart);
      value = other > value ? other : value;
    }
    return value;
  }

  TUTTI_ON_DEVICE unsigned kept(int n) const { return n * kRows * kRowBytes; }
  TUTTI_ON_DEVICE unsigned passing(int n, int buffer) const {
    return (Shape::kTiles * kRows + (n + 2 * buffer) * kSteps) * kRowBytes;
  }
  TUTTI_ON_DEVICE const float* beside(int n, int buffer) const {
    return thread_.numbers(beside_at(n, buffer));
  }

  TUTTI_ON_DEVICE void load_kept(const TileRows<const Bf16>& from, int n) const {
    load<kRows>(from, kept(n));
  }
  TUTTI_ON_DEVICE void load_passing(const TileRows<const Bf16>& from, int n, int buffer) const {
    load<kSteps>(from, passing(n, buffer));
  }
  TUTTI_ON_DEVICE void load_beside(const float* from, int stride, int count, int n,
                                   int buffer) const {
    for (int i = thread_.thread(); i < kSteps; i += kThreads) {
      thread_.copy_4(beside_at(n, buffer) + 4 * i, from + long{i} * stride, i < count);
    }
  }
  TUTTI_ON_DEVICE void arrive() const { thread_.arrive(); }
  TUTTI_ON_DEVICE void meet() const { thread_.meet(); }
  TUTTI_ON_DEVICE void converge() const { thread_.converge(); }

  TUTTI_ON_DEVICE void dots(unsigned a, unsigned b, Scores& result) const {
    result.clear();
    const unsigned lane = thread_.forget(lane_);
    a += place(warp_row_ + lane % 16, lane / 16);
    b += place(lane / 16 * 8 + lane % 8, lane / 8 % 2);
    TUTTI_UNROLLED for (int k = 0; k < kWidth / 16; ++k) {
      unsigned left[Shape::kTall][4];
      TUTTI_UNROLLED for (int m = 0; m < Shape::kTall; ++m) {
        thread_.load((a ^ 32 * k) + 16 * m * kRowBytes, left[m]);
      }
      TUTTI_UNROLLED for (int n = 0; n < kSteps / 16; ++n) {
        unsigned right[4];  // of 8 rows of b, and of 8 more
        thread_.load((b ^ 32 * k) + 16 * n * kRowBytes, right);
        multiply(left, right, n, result);
      }
    }
  }

  TUTTI_ON_DEVICE void mix(const Scores& weights, unsigned b, Sums& sums) const {
    const unsigned lane = thread_.forget(lane_);
    b += place(lane % 16, lane / 16);
    TUTTI_UNROLLED for (int k = 0; k < kSteps / 16; ++k) {
      unsigned left[Shape::kTall][4];
      TUTTI_UNROLLED for (int m = 0; m < Shape::kTall; ++m) {
        TUTTI_UNROLLED for (int i = 0; i < 4; ++i) {
          const float* held = &weights.at[2 * m + i % 2][4 * k + i / 2 * 2];
          left[m][i] = thread_.pair(held[0], held[1]);
        }
      }
      TUTTI_UNROLLED for (int n = 0; n < kWidth / 16; ++n) {
        unsigned right[4];  // of 8 columns of b, and of 8 more
        thread_.load_transposed((b ^ 32 * n) + 16 * k * kRowBytes, right);
        multiply(left, right, n, sums);
      }
    }
  }

 private:
  static constexpr int kWarpRows = 16 * Shape::kTall;
  static constexpr int kRowBytes = Shape::kRowBytes;
  static constexpr int kPieces = kRowBytes / 16;

  // Of a piece of a row in a tile. The place of piece + 2 k, piece being 0 or 1, is this xor 32 k:
  // also when that of a tile is added, which are multiples of kRowBytes.
  TUTTI_ON_DEVICE static unsigned place(unsigned row, unsigned piece) {
    return row * kRowBytes + (piece ^ row % 8) * 16;
  }
  TUTTI_ON_DEVICE static unsigned beside_at(int n, int buffer) {
    return Shape::kBeside + (n + 2 * buffer) * kSteps * sizeof(float);
  }

  // The n-th 16 columns.
  template <class Result>
  TUTTI_ON_DEVICE void multiply(const unsigned (&left)[Shape::kTall][4], const unsigned (&right)[4],
                                int n, Result& result) const {
    TUTTI_UNROLLED for (int m = 0; m < Shape::kTall; ++m) {
      TUTTI_UNROLLED for (int half = 0; half < 2; ++half) {
        float* upper = &result.at[2 * m][4 * n + 2 * half];
        float* lower = &result.at[2 * m + 1][4 * n + 2 * half];
        thread_.multiply(left[m], right[2 * half], right[2 * half + 1], upper[0], upper[1],
                         lower[0], lower[1]);
      }
    }
  }

  template <int kTileRows>
  TUTTI_ON_DEVICE void load(const TileRows<const Bf16>& from, unsigned to) const {
    static_assert(kTileRows * kPieces % kThreads == 0);
    constexpr int kRowsAtOnce = kThreads / kPieces;
    static_assert(kRowsAtOnce % 8 == 0);
    const int row = static_cast<int>(static_cast<unsigned>(thread_.thread()) / kPieces);
    const int piece = static_cast<int>(static_cast<unsigned>(thread_.thread()) % kPieces);
    const int end = 8 * piece < from.columns ? from.rows - row : 0;
    const Bf16* data = from.data + long{row} * from.stride + 8 * piece;
    to += place(row, piece);
    TUTTI_UNROLLED for (int n = 0; n < kTileRows; n += kRowsAtOnce) {
      thread_.copy_16(to + n * kRowBytes, data + long{n} * from.stride, n < end);
    }
  }

  const Thread thread_;
  const unsigned lane_;
  const unsigned warp_row_;
};

}  // namespace tutti::train
