#include "train/kernels/matmul.h"

#include <cblas.h>

namespace tutti::train {
namespace {

struct Operand {
  CBLAS_TRANSPOSE transposed;
  long stride;  // of a row
};

// c = beta c + a b, c [m, n], row-major.
void multiply(long m, long n, long k, const float* a, Operand ta, const float* b, Operand tb,
              float beta, float* c) {
  cblas_sgemm(CblasRowMajor, ta.transposed, tb.transposed, m, n, k, 1.0f, a, ta.stride, b,
              tb.stride, beta, c, n);
}
void multiply(long m, long n, long k, const double* a, Operand ta, const double* b, Operand tb,
              double beta, double* c) {
  cblas_dgemm(CblasRowMajor, ta.transposed, tb.transposed, m, n, k, 1.0, a, ta.stride, b, tb.stride,
              beta, c, n);
}

}  // namespace

template <class T>
void linear(const Linear& s, const T* x, const T* w, T* y) {
  multiply(s.tokens, s.out, s.in, x, {CblasNoTrans, s.in}, w, {CblasTrans, s.in}, T{0}, y);
}

template <class T>
void linear_backward_input(const Linear& s, const T* dy, const T* w, T* dx) {
  multiply(s.tokens, s.in, s.out, dy, {CblasNoTrans, s.out}, w, {CblasNoTrans, s.in}, T{0}, dx);
}

template <class T>
void linear_backward_weight(const Linear& s, const T* dy, const T* x, T* dw) {
  multiply(s.out, s.in, s.tokens, dy, {CblasTrans, s.out}, x, {CblasNoTrans, s.in}, T{1}, dw);
}

template void linear(const Linear&, const float*, const float*, float*);
template void linear(const Linear&, const double*, const double*, double*);
template void linear_backward_input(const Linear&, const float*, const float*, float*);
template void linear_backward_input(const Linear&, const double*, const double*, double*);
template void linear_backward_weight(const Linear&, const float*, const float*, float*);
template void linear_backward_weight(const Linear&, const double*, const double*, double*);

}  // namespace tutti::train
