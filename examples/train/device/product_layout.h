// Products of matrices as cuBLASLt wants them. It sees memory column by column, where a matrix that
// lies row by row is its own transpose: c = a b is c' = b' a' there, of the same memory, with the
// factors in the other order.
//
// Tested by train_device_cuda_test.cc.

#pragma once

#include "train/device/accelerator.h"

namespace tutti::train {

struct ColumnMatrix {
  const void* data = nullptr;
  bool is_bf16 = false;
  long rows = 0;  // as it lies, before it is transposed
  long columns = 0;
  long stride = 0;  // elements from a column to the next
  bool transposed = false;
  long step = 0;  // elements from a product's matrix to the next one's
};

/// c [m, n] = a [m, k] b [k, n], each column-major.
struct ColumnProduct {
  long m = 0;
  long n = 0;
  long k = 0;
  ColumnMatrix a;
  ColumnMatrix b;
  ColumnMatrix c;
  long count = 1;
};

/// Bytes of which the addresses of all `count` matrices are multiples; up to 256, as more makes no
/// difference.
unsigned alignment_of(const ColumnMatrix& matrix, long count);

/// Failure where the product is none: no terms, rows that overlap, factors of two types.
ColumnProduct column_major(const DeviceProduct& product);

}  // namespace tutti::train
