// Products with weights, stored [out, in] as PyTorch's Linear. Row-major, by OpenBLAS.
//
// Tested by train_kernels_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

/// A linear layer's shape: x [tokens, in], y [tokens, out], w [out, in].
struct Linear {
  long tokens = 0;
  long in = 0;
  long out = 0;
};

/// y = x wᵀ
template <class T>
void linear(const Linear& shape, const T* x, const T* w, T* y);
/// dx = dy w
template <class T>
void linear_backward_input(const Linear& shape, const T* dy, const T* w, T* dx);
/// dw += dyᵀ x
template <class T>
void linear_backward_weight(const Linear& shape, const T* dy, const T* x, Precise<T>* dw);

}  // namespace tutti::train
