// The rows that a causal convolution still sees of the tokens before (convolution.h): its halo.

#pragma once

#include <algorithm>

#include "train/array.h"

namespace tutti::train {

/// halo [rows, columns], the last rows of what was before; becomes the last ones with x [tokens,
/// columns] after it, whose rows are `stride` apart.
template <class T>
void move_window(long rows, long columns, long tokens, const T* x, long stride, T* halo) {
  for (long row = 0; row < rows; ++row) {
    const long token = tokens - rows + row;
    const T* from = token < 0 ? halo + (row + tokens) * columns : x + token * stride;
    std::copy_n(from, columns, halo + row * columns);
  }
}

}  // namespace tutti::train
