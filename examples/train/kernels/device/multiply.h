// Products of matrices on a device, with types: DeviceProduct of device/accelerator.h, in the words
// of kernels/blas.h.

#pragma once

#include "train/device/accelerator.h"
#include "train/kernels/blas.h"

namespace tutti::train {

/// Several products of one shape: how many, and elements from one's matrix to the next one's.
struct Batch {
  long count = 1;
  long a_step = 0;
  long b_step = 0;
  long c_step = 0;
};

template <class T>
DeviceMatrix on_device(Matrix<T> matrix, long step) {
  const bool is_bf16 = std::is_same_v<std::remove_const_t<T>, OnDevice<Bf16>>;
  return {matrix.data, is_bf16, matrix.stride, matrix.transposed, step};
}

/// c [m, n] = factor a b + keep c, with a [m, k], b [k, n] as they are after transposition. C is A,
/// or float.
template <class A, class C>
void multiply(long m, long n, long k, float factor, Matrix<const OnDevice<A>> a,
              Matrix<const OnDevice<A>> b, float keep, Matrix<OnDevice<C>> c,
              const Batch& batch = {}) {
  accelerator().multiply({m, n, k, factor, on_device(a, batch.a_step), on_device(b, batch.b_step),
                          keep, on_device(c, batch.c_step), batch.count});
}

}  // namespace tutti::train
