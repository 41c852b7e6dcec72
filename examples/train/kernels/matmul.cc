#include "train/kernels/matmul.h"

#include "train/kernels/blas.h"
#include "train/kernels/device/multiply.h"

namespace tutti::train {

template <class T>
void linear(const Linear& s, const T* x, const T* w, T* y) {
  multiply(s.tokens, s.out, s.in, 1, Matrix{x, s.in}, Matrix{w, s.in, true}, 0, Matrix{y, s.out});
}

template <class T>
void linear_backward_input(const Linear& s, const T* dy, const T* w, T* dx) {
  multiply(s.tokens, s.in, s.out, 1, Matrix{dy, s.out}, Matrix{w, s.in}, 0, Matrix{dx, s.in});
}

template <class T>
void linear_backward_weight(const Linear& s, const T* dy, const T* x, Precise<T>* dw) {
  multiply(s.out, s.in, s.tokens, 1, Matrix{dy, s.out, true}, Matrix{x, s.in}, 1, Matrix{dw, s.in});
}

#define TUTTI_INSTANTIATE(T)                                                  \
  template void linear(const Linear&, const T*, const T*, T*);                \
  template void linear_backward_input(const Linear&, const T*, const T*, T*); \
  template void linear_backward_weight(const Linear&, const T*, const T*, Precise<T>*);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
TUTTI_INSTANTIATE(OnDevice<float>)
TUTTI_INSTANTIATE(OnDevice<Bf16>)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
