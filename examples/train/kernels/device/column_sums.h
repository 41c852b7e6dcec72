// Sums down the columns of a matrix, which no one block can see all of: tiles of rows, and then the
// tiles, always in the same order. For gradients of weights that are applied token by token.
//
// A value is a structure with Floats<N> operator()(long row, long column), of N columns from that
// one, and kWide, which is N. Tested by train_device_mamba_test.cc, with what it serves.

#pragma once

#include "train/device/launch.h"
#include "train/kernels/device/packs.h"

namespace tutti::train {

/// parts [tiles, columns]: sums of kRows rows each.
template <class Value>
struct ColumnParts {
  static constexpr int kThreads = 128;
  static constexpr long kRows = 64;

  long rows;
  long columns;
  Value value;
  float* parts;

  static long tiles(long rows) { return ceil_divide(rows, kRows); }
  TUTTI_ANYWHERE long blocks_across() const {
    return ceil_divide(columns / Value::kWide, kThreads);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    constexpr int kWide = Value::kWide;
    const long tile = block.index() / blocks_across();
    const long first = block.index() % blocks_across() * kThreads;
    const long packs = smaller(columns / kWide - first, kThreads);
    block.each(packs, [&](long pack) {
      const long column = (first + pack) * kWide;
      const long end = smaller(rows, (tile + 1) * kRows);
      Floats<kWide> sum = {};
#ifdef __CUDACC__
#pragma unroll 8  // left to itself, the compiler takes more registers than it has
#endif
      for (long row = tile * kRows; row < end; ++row) {
        const Floats<kWide> more = value(row, column);
        for (int i = 0; i < kWide; ++i) sum.at[i] += more.at[i];
      }
      store(sum, parts + tile * columns + column);
    });
  }
};

/// sums [columns] += parts [tiles, columns]
struct AddParts {
  static constexpr int kThreads = 128;

  long tiles;
  long columns;
  const float* parts;
  float* sums;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(columns, [&](long column) {
      float sum = 0;
      for (long tile = 0; tile < tiles; ++tile) sum += parts[tile * columns + column];
      sums[column] += sum;
    });
  }
};

#ifndef __CUDACC__

/// sums [columns] += value of all rows. Takes room().
template <class Value>
void add_columns(long rows, long columns, const Value& value, float* sums) {
  if (rows == 0 || columns == 0) return;
  const long tiles = ColumnParts<Value>::tiles(rows);
  auto* parts = static_cast<float*>(
      accelerator().room(static_cast<std::size_t>(tiles * columns) * sizeof(float)));
  const ColumnParts<Value> first{rows, columns, value, parts};
  launch(tiles * first.blocks_across(), first);
  launch(ceil_divide(columns, AddParts::kThreads), AddParts{tiles, columns, parts, sums});
}

#endif

}  // namespace tutti::train
