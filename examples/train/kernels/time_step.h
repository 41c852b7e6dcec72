// Time steps of the scans of Mamba: dt = softplus(raw + bias), kept between two limits.
//
// Tested by train_mamba_kernels_test.cc.

#pragma once

#include <limits>

#include "train/element.h"

namespace tutti::train {

struct TimeStepShape {
  long tokens = 0;
  long width = 0;       // heads of Mamba-2, channels of Mamba-1
  long raw_stride = 0;  // elements from a token's raw (and d_raw) to the next token's
  double lowest = 0;
  double highest = std::numeric_limits<double>::infinity();
};

/// raw [tokens, width] with its stride, bias [width], dt [tokens, width]. Softplus is the identity
/// above 20, as in PyTorch.
template <class T>
void time_steps(const TimeStepShape& shape, const T* raw, const Precise<T>* bias, Precise<T>* dt);
/// d_raw = what d_dt makes of it: nothing where a limit holds.
template <class T>
void time_steps_backward(const TimeStepShape& shape, const T* raw, const Precise<T>* bias,
                         const Precise<T>* d_dt, T* d_raw);
/// d_bias += …
template <class T>
void time_steps_backward_bias(const TimeStepShape& shape, const T* d_raw, Precise<T>* d_bias);

}  // namespace tutti::train
