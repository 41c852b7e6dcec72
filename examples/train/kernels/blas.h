// Products of matrices in memory, by OpenBLAS on one thread: float and double under one name.

#pragma once

namespace tutti::train {

/// Row-major; `stride` is from a row to the next, as it lies in memory.
template <class T>
struct Matrix {
  T* data = nullptr;
  long stride = 0;
  bool transposed = false;
};
template <class T>
Matrix(T*, long, bool) -> Matrix<T>;
template <class T>
Matrix(T*, long) -> Matrix<T>;

/// c [m, n] = factor a b + keep c, with a [m, k], b [k, n] as they are after transposition.
void multiply(long m, long n, long k, float factor, Matrix<const float> a, Matrix<const float> b,
              float keep, Matrix<float> c);
void multiply(long m, long n, long k, double factor, Matrix<const double> a, Matrix<const double> b,
              double keep, Matrix<double> c);

}  // namespace tutti::train
