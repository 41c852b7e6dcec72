// Products of tiles of matrices by a block of threads, which hold the results between them. What is
// written in terms of such tiles runs on plain cores and on the processor (plain_tiles.h), and on
// tensor cores (tensor_tiles.h). Both classes have
//
//   kRows, kSteps, kWidth          rows of tiles that are kept and of those that pass; columns
//   Scores, Sums                   what a thread holds of [kRows, kSteps] and of [kRows, kWidth]
//   kRowsHeld; kStepsHeld, kColumnsHeld        how much that is: rows; columns of either
//   row(i), column(j)              which number at[i][j] of them is
//   kTogether                      so many of at[i] are neighbours
//   of_row_first()                 whether the thread holds the first of a row's numbers
//   sum_of_row, most_of_row        of what the threads that hold a row have
//   kept(n), passing(n, buffer)    tiles in shared memory, two each; passing ones twice
//   beside(n, buffer)              kSteps numbers, one for each row of a passing tile
//   load_…(), arrive(), meet()     what is being loaded is there after arrive() and meet()
//   converge()                     after branches that threads took alone, before products
//   dots(a, b, scores)             scores = a b^T, with a kept, b passing
//   mix(scores, b, sums)           sums += scores b
//
// Tested by train_device_attention_test.cc.

#pragma once

#include "train/device/block.h"

#ifdef __CUDACC__
#define TUTTI_UNROLLED _Pragma("unroll")
#define TUTTI_UNROLLED_TWICE _Pragma("unroll 2")
#else
#define TUTTI_UNROLLED
#define TUTTI_UNROLLED_TWICE
#endif

namespace tutti::train {

/// Rows in the memory of a device. A tile has zeros where there are fewer rows or columns.
template <class S>
struct TileRows {
  S* data = nullptr;
  int stride = 0;
  int rows = 0;
  int columns = 0;
};

/// Numbers that a thread holds: some rows, and some columns of them.
template <int kRows, int kColumns>
struct Held {
  float at[kRows][kColumns];

  TUTTI_ON_DEVICE void clear() {
    TUTTI_UNROLLED for (int i = 0; i < kRows; ++i) {
      TUTTI_UNROLLED for (int j = 0; j < kColumns; ++j) at[i][j] = 0;
    }
  }
};

/// Of kLanes neighbours among threads; on the processor, of the only one.
template <int kLanes>
TUTTI_ON_DEVICE float sum_of_lanes(float value) {
#ifdef __CUDACC__
  TUTTI_UNROLLED for (int apart = kLanes / 2; apart > 0; apart /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, apart);
  }
#endif
  return value;
}

/// For tiles `begin` to `end`, load(tile, buffer) and then use(tile, buffer), while the next one is
/// being loaded. All threads come here, and what they load before is there, too.
template <class Tiles, class Load, class Use>
TUTTI_ON_DEVICE void let_pass(Tiles& tiles, int begin, int end, Load load, Use use) {
  if (begin < end) load(begin, 0);
  int buffer = 0;
  for (int tile = begin; tile < end; ++tile, buffer ^= 1) {
    tiles.arrive();
    tiles.meet();  // it is there, and nobody uses the other buffer any more
    if (tile + 1 < end) load(tile + 1, buffer ^ 1);
    use(tile, buffer);
  }
}

}  // namespace tutti::train
