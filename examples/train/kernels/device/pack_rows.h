// Rows of numbers, all of one width, that a kernel goes through pack by pack, a pack a thread.

#pragma once

#include "train/device/launch.h"
#include "train/kernels/device/packs.h"

namespace tutti::train {

/// f(row, first column) of every pack of N, shared by all blocks. REQUIRES: N divides the width.
template <int N, class Function>
TUTTI_ON_DEVICE void each_pack(const Block& block, long rows, long width, Function f) {
  const long packs = width / N;
  block.each_of_all(rows * packs, [&](long i) { f(i / packs, i % packs * N); });
}

#ifndef __CUDACC__

/// Of a kernel that calls each_pack<N>().
template <class Kernel>
void launch_packs(long rows, long width, int n, const Kernel& kernel) {
  launch(ceil_divide(rows * (width / n), Kernel::kThreads), kernel);
}

#endif

}  // namespace tutti::train
