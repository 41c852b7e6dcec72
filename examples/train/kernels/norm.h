// RMSNorm: y = x r w, r = (mean(x²) + epsilon)^(-1/2) of each token. x may be more exact than what
// is computed with: X is T or Precise<T>.
//
// Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019. Tested by
// train_kernels_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

/// Keeps r, one a token.
template <class T, class X>
void rms_norm(long tokens, long width, double epsilon, const X* x, const T* w, T* y, Precise<T>* r);
/// The same of sum = x + more, in one pass.
template <class T, class X>
void add_rms_norm(long tokens, long width, double epsilon, const X* x, const T* more, const T* w,
                  X* sum, T* y, Precise<T>* r);

/// dx += what dy makes of x. Call it where x is at hand.
template <class T, class X>
void rms_norm_backward_input(long tokens, long width, const T* dy, const X* x, const T* w,
                             const Precise<T>* r, X* dx);
/// dw += …
template <class T, class X>
void rms_norm_backward_weight(long tokens, long width, const T* dy, const X* x, const Precise<T>* r,
                              Precise<T>* dw);

}  // namespace tutti::train
