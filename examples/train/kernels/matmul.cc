#include "train/kernels/matmul.h"

#include "train/kernels/blas.h"

namespace tutti::train {

template <class T>
void linear(const Linear& s, const T* x, const T* w, T* y) {
  multiply(s.tokens, s.out, s.in, T{1}, {x, s.in}, {w, s.in, true}, T{0}, {y, s.out});
}

template <class T>
void linear_backward_input(const Linear& s, const T* dy, const T* w, T* dx) {
  multiply(s.tokens, s.in, s.out, T{1}, {dy, s.out}, {w, s.in}, T{0}, {dx, s.in});
}

template <class T>
void linear_backward_weight(const Linear& s, const T* dy, const T* x, T* dw) {
  multiply(s.out, s.in, s.tokens, T{1}, {dy, s.out, true}, {x, s.in}, T{1}, {dw, s.in});
}

template void linear(const Linear&, const float*, const float*, float*);
template void linear(const Linear&, const double*, const double*, double*);
template void linear_backward_input(const Linear&, const float*, const float*, float*);
template void linear_backward_input(const Linear&, const double*, const double*, double*);
template void linear_backward_weight(const Linear&, const float*, const float*, float*);
template void linear_backward_weight(const Linear&, const double*, const double*, double*);

}  // namespace tutti::train
