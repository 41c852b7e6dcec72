#include "train/kernels/swiglu.h"

#include <cmath>

namespace tutti::train {

template <class T>
void swiglu(long tokens, long width, const T* gate_up, T* a) {
  for (long t = 0; t < tokens; ++t, gate_up += 2 * width, a += width) {
    for (long i = 0; i < width; ++i) {
      const T g = gate_up[i];
      a[i] = g / (1 + std::exp(-g)) * gate_up[width + i];
    }
  }
}

template <class T>
void swiglu_backward(long tokens, long width, const T* da, const T* gate_up, T* d_gate_up) {
  for (long t = 0; t < tokens; ++t) {
    for (long i = 0; i < width; ++i) {
      const T g = gate_up[i];
      const T u = gate_up[width + i];
      const T s = 1 / (1 + std::exp(-g));
      d_gate_up[i] = da[i] * u * s * (1 + g * (1 - s));
      d_gate_up[width + i] = da[i] * g * s;
    }
    da += width;
    gate_up += 2 * width;
    d_gate_up += 2 * width;
  }
}

template void swiglu(long, long, const float*, float*);
template void swiglu(long, long, const double*, double*);
template void swiglu_backward(long, long, const float*, const float*, float*);
template void swiglu_backward(long, long, const double*, const double*, double*);

}  // namespace tutti::train
