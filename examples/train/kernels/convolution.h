// Depthwise causal convolution with silu, the short filter before the scans of Mamba:
// y_t = silu(b + sum_k w_k x_{t-(K-1)+k}), each channel by itself.
//
// One sequence, or one shard of it: the halo is the K - 1 rows before the first token, of the
// previous shard. Tested by train_mamba_kernels_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

struct ConvolutionShape {
  long tokens = 0;
  long channels = 0;
  long taps = 0;           // K: a token sees itself and K - 1 tokens before it
  long input_stride = 0;   // elements from a token's x (and dx) to the next token's
  long output_stride = 0;  // the same of y (and dy)
};

/// w [channels, taps] and b [channels]; halo [taps - 1, channels]. Without b or halo (null): zeros.
template <class T>
void convolve(const ConvolutionShape& shape, const T* x, const T* halo, const T* w, const T* b,
              T* y);

/// What is convolved, and by what, as convolve() got it.
template <class T>
struct ConvolutionInput {
  const T* x = nullptr;
  const T* halo = nullptr;
  const T* w = nullptr;
  const T* b = nullptr;
};

/// dx = what dy makes of x, and d_halo (unless null) of the halo, which the previous shard adds to
/// its last taps - 1 rows of dx. dy becomes the gradient before silu, which is what
/// convolve_backward_weight() takes.
template <class T>
void convolve_backward_input(const ConvolutionShape& shape, const ConvolutionInput<T>& input, T* dy,
                             T* dx, T* d_halo);
/// dw += …, db += … (unless null), from dy as convolve_backward_input() left it.
template <class T>
void convolve_backward_weight(const ConvolutionShape& shape, const T* dy, const T* x, const T* halo,
                              Precise<T>* dw, Precise<T>* db);

}  // namespace tutti::train
