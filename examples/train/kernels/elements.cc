#include "train/kernels/elements.h"

#include <algorithm>

namespace tutti::train {

template <class T, class X>
void add(long count, const X* x, const T* y, X* sum) {
  for (long n = 0; n < count; ++n) sum[n] = x[n] + y[n];
}

template <class T>
void copy_rows(long rows, long width, Rows<const T> from, Rows<T> to) {
  for (long r = 0; r < rows; ++r) {
    std::copy_n(from.data + r * from.stride, width, to.data + r * to.stride);
  }
}

template <class T>
void add_rows(long rows, long width, Rows<const T> from, Rows<T> to) {
  for (long r = 0; r < rows; ++r) {
    const T* source = from.data + r * from.stride;
    T* target = to.data + r * to.stride;
    for (long n = 0; n < width; ++n) target[n] += source[n];
  }
}

template <class T>
double sum_of(long count, const T* values) {
  double sum = 0;
  for (long n = 0; n < count; ++n) sum += static_cast<double>(values[n]);
  return sum;
}

template <class T>
void SquareSum<T>::add(long count, const T* values) {
  for (long n = 0; n < count; ++n) {
    const double value = values[n];
    here_ += value * value;
  }
}

template <class T>
double SquareSum<T>::sum() {
  return here_;
}

#define TUTTI_INSTANTIATE(T)                                   \
  template void add(long, const T*, const T*, T*);             \
  template void copy_rows(long, long, Rows<const T>, Rows<T>); \
  template void add_rows(long, long, Rows<const T>, Rows<T>);  \
  template double sum_of(long, const T*);                      \
  template class SquareSum<T>;
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
