// RMSNorm: y = x r w, r = (mean(x²) + epsilon)^(-1/2) of each token.
//
// Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019. Tested by
// train_kernels_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

/// Keeps r, one a token.
template <class T>
void rms_norm(long tokens, long width, double epsilon, const T* x, const T* w, T* y, Precise<T>* r);

/// dx += what dy makes of x. Call it where x is at hand.
template <class T>
void rms_norm_backward_input(long tokens, long width, const T* dy, const T* x, const T* w,
                             const Precise<T>* r, T* dx);
/// dw += …
template <class T>
void rms_norm_backward_weight(long tokens, long width, const T* dy, const T* x, const Precise<T>* r,
                              Precise<T>* dw);

}  // namespace tutti::train
