// Kernels of attention (kernels/attention.h) on a device. A block keeps a tile of queries, or of
// keys, and lets the tiles of what it meets pass by, as in
//
//   Dao, "FlashAttention-2", 2023
//
// but that the backward pass computes scores twice, once for queries and once for keys: then each
// gradient has one block, which adds in one order.
//
// Tested by train_device_attention_test.cc.

#pragma once

#include "train/kernels/device/attention_backward.h"
#include "train/kernels/device/attention_forward.h"
#include "train/kernels/device/gpu_thread.h"
#include "train/kernels/device/plain_tiles.h"
#include "train/kernels/device/tensor_tiles.h"

namespace tutti::train {
namespace attention {

enum class Order { kFirstRowsFirst, kLastRowsFirst };

/// A block's part of `heads` times `rows` rows, in tiles: f(tiles, first row, head).
template <class Cores, class Function>
TUTTI_ON_DEVICE void for_tiles(const Block& block, Order order, int heads, int rows, Function f) {
  const auto index = static_cast<unsigned>(block.index());
  const int before = static_cast<int>(index / static_cast<unsigned>(heads));
  const int head = static_cast<int>(index) - before * heads;
  const int parts = (rows + Cores::kRows - 1) / Cores::kRows;
  const int part = order == Order::kFirstRowsFirst ? before : parts - 1 - before;
  typename Cores::Tiles tiles(block);
  for (int row = 0; row < Cores::kRows; row += Cores::Tiles::kRows) {
    const int first = part * Cores::kRows + row;
    if (row > 0) tiles.meet();
    if (first < rows) f(tiles, first, head);
  }
}

}  // namespace attention

/// What a kernel's blocks compute with: `Tiles`, so often that they have done kRows of their rows.
template <class Number, int kWidth>
struct PlainCores {
  using S = Number;
  using Tiles = PlainTiles<S, kWidth>;
  static constexpr int kRows = Tiles::kRows;
  static constexpr int kThreads = Tiles::kThreads;
  static constexpr std::size_t kSharedBytes = Tiles::kSharedBytes;
};

enum class AttendPass { kForward, kQueries, kKeys };

// Which tiles tensor cores compute with: columns, warps, sixteens of rows of each, rows that pass,
// tiles kept. A thread then holds 192 numbers or less, and has 255 registers.
template <int kWidth, AttendPass pass>
struct AttendShape;
template <>
struct AttendShape<64, AttendPass::kForward> : TensorShape<64, 4, 2, 64, 1> {};
template <>
struct AttendShape<64, AttendPass::kQueries> : TensorShape<64, 4, 2, 64, 2> {};
template <>
struct AttendShape<64, AttendPass::kKeys> : TensorShape<64, 4, 2, 32, 2> {};
template <>
struct AttendShape<128, AttendPass::kForward> : TensorShape<128, 4, 2, 64, 1> {};
template <>
struct AttendShape<128, AttendPass::kQueries> : TensorShape<128, 4, 2, 32, 2> {};
template <>
struct AttendShape<128, AttendPass::kKeys> : TensorShape<128, 8, 1, 64, 2> {};

/// Tensor cores; on the processor, plain tiles stand in for them.
template <int kWidth, AttendPass pass>
struct TensorCores {
  using S = Bf16;
  using Shape = AttendShape<kWidth, pass>;
  using StandIn = PlainTiles<Bf16, kWidth, 16>;
#ifdef __CUDACC__
  using Tiles = TensorTiles<GpuThread, Shape>;
#else
  using Tiles = StandIn;
#endif
  static constexpr int kRows = Shape::kRows;
  static constexpr int kThreads = Shape::kThreads;
  static constexpr std::size_t kSharedBytes = Shape::kSharedBytes;
  static_assert(StandIn::kSharedBytes <= kSharedBytes && kRows % StandIn::kRows == 0);
};

// The kernels have a block for each head and Cores::kRows of its rows; those that have most to do
// come first.

template <class Cores>
struct AttendKernel {
  AttendWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    attention::for_tiles<Cores>(block, attention::Order::kLastRowsFirst, work.pieces.heads,
                                work.pieces.queries, [&](auto& tiles, int first, int head) {
                                  attention::attend_tile(work, tiles, first, head);
                                });
  }
};

template <class Cores>
struct AttendBackwardQueriesKernel {
  AttendBackwardWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    attention::for_tiles<Cores>(block, attention::Order::kLastRowsFirst, work.pieces.heads,
                                work.pieces.queries, [&](auto& tiles, int first, int head) {
                                  attention::attend_backward_queries(work, tiles, first, head);
                                });
  }
};

template <class Cores>
struct AttendBackwardKeysKernel {
  AttendBackwardWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    attention::for_tiles<Cores>(block, attention::Order::kFirstRowsFirst,
                                work.pieces.heads / work.pieces.head_share, work.pieces.keys,
                                [&](auto& tiles, int first, int head) {
                                  attention::attend_backward_keys(work, tiles, first, head);
                                });
  }
};

struct AttendBeginKernel {
  float* most = nullptr;
  long count = 0;

  static constexpr int kThreads = 256;
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(count, [&](long n) { most[n] = attention::kLeast; });
  }
};

/// Packs of kCount numbers.
template <class S, int kCount>
struct AttendEndKernel {
  long rows = 0;
  long packs = 0;  // of a row
  const float* seen = nullptr;
  S* out = nullptr;
  float* most = nullptr;
  const float* sum = nullptr;

  static constexpr int kThreads = 256;
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(rows * packs, [&](long n) {
      const long row = n / packs;
      const float total = sum[row];
      Floats<kCount> values = load<kCount>(seen + n * kCount);
      for (int i = 0; i < kCount; ++i) values.at[i] *= 1 / total;
      store(values, out + n * kCount);
      if (n == row * packs) most[row] += std::log(total);
    });
  }
};

/// A row for each sixteen threads, in packs of kCount numbers.
template <class S, int kCount>
struct AttendDeltaKernel {
  long rows = 0;
  long packs = 0;
  const S* out = nullptr;
  const S* d_out = nullptr;
  float* delta = nullptr;

  static constexpr int kThreads = 256;
  static constexpr int kLanes = 16;
  static constexpr int kRowsAtOnce = kThreads / kLanes;
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const int lanes = block.threads() < kLanes ? 1 : kLanes;
    const long rows_at_once = block.threads() / lanes;
    const int lane = block.thread() % lanes;
    // All of a warp go on until none has a row, since they sum together.
    for (int first = block.index() * rows_at_once; first < rows;
         first += block.count() * rows_at_once) {
      const long row = first + block.thread() / lanes;
      float sum = 0;
      for (long pack = lane; row < rows && pack < packs; pack += lanes) {
        const long at = (row * packs + pack) * kCount;
        const Floats<kCount> a = load<kCount>(out + at);
        const Floats<kCount> b = load<kCount>(d_out + at);
        for (int i = 0; i < kCount; ++i) sum += a.at[i] * b.at[i];
      }
      sum = sum_of_lanes<kLanes>(sum);
      if (lane == 0 && row < rows) delta[row] = sum;
    }
  }
};

}  // namespace tutti::train
