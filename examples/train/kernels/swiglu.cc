#include "train/kernels/swiglu.h"

#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

template <class T>
TUTTI_INLINED void forward(long tokens, long width, const T* gate_up, T* a) {
  for (long t = 0; t < tokens; ++t, gate_up += 2 * width, a += width) {
    for (long i = 0; i < width; ++i) {
      const T g = gate_up[i];
      a[i] = g / (1 + exponential(-g)) * gate_up[width + i];
    }
  }
}

template <class T>
TUTTI_INLINED void backward(long tokens, long width, const T* da, const T* gate_up, T* d_gate_up) {
  for (long t = 0; t < tokens; ++t) {
#pragma GCC ivdep
    for (long i = 0; i < width; ++i) {
      const T g = gate_up[i];
      const T u = gate_up[width + i];
      const T s = 1 / (1 + exponential(-g));
      d_gate_up[i] = da[i] * u * s * (1 + g * (1 - s));
      d_gate_up[width + i] = da[i] * g * s;
    }
    da += width;
    gate_up += 2 * width;
    d_gate_up += 2 * width;
  }
}

}  // namespace

template <>
TUTTI_VECTORS void swiglu(long tokens, long width, const float* gate_up, float* a) {
  forward(tokens, width, gate_up, a);
}
template <>
TUTTI_VECTORS void swiglu(long tokens, long width, const double* gate_up, double* a) {
  forward(tokens, width, gate_up, a);
}
template <>
TUTTI_VECTORS void swiglu_backward(long tokens, long width, const float* da, const float* gate_up,
                                   float* d_gate_up) {
  backward(tokens, width, da, gate_up, d_gate_up);
}
template <>
TUTTI_VECTORS void swiglu_backward(long tokens, long width, const double* da, const double* gate_up,
                                   double* d_gate_up) {
  backward(tokens, width, da, gate_up, d_gate_up);
}

}  // namespace tutti::train
