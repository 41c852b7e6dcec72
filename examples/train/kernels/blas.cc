#include "train/kernels/blas.h"

#include <cblas.h>

namespace tutti::train {
namespace {

// Ranks are processes or threads that have a core each: OpenBLAS must not start more.
void use_one_thread() {
  static const bool once = (openblas_set_num_threads(1), true);
  static_cast<void>(once);
}

CBLAS_TRANSPOSE flag(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

}  // namespace

void multiply(long m, long n, long k, float factor, Matrix<const float> a, Matrix<const float> b,
              float keep, Matrix<float> c) {
  use_one_thread();
  cblas_sgemm(CblasRowMajor, flag(a.transposed), flag(b.transposed), m, n, k, factor, a.data,
              a.stride, b.data, b.stride, keep, c.data, c.stride);
}

void multiply(long m, long n, long k, double factor, Matrix<const double> a, Matrix<const double> b,
              double keep, Matrix<double> c) {
  use_one_thread();
  cblas_dgemm(CblasRowMajor, flag(a.transposed), flag(b.transposed), m, n, k, factor, a.data,
              a.stride, b.data, b.stride, keep, c.data, c.stride);
}

}  // namespace tutti::train
