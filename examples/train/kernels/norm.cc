#include "train/kernels/norm.h"

#include <cmath>

#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

template <class T>
TUTTI_INLINED void norm(long tokens, long width, double epsilon, const T* x, const T* w, T* y,
                        T* r) {
  for (long t = 0; t < tokens; ++t, x += width, y += width) {
    T squares = 0;
#pragma omp simd reduction(+ : squares)
    for (long i = 0; i < width; ++i) squares += x[i] * x[i];
    const T scale = 1 / std::sqrt(squares / static_cast<T>(width) + static_cast<T>(epsilon));
#pragma GCC ivdep
    for (long i = 0; i < width; ++i) y[i] = x[i] * scale * w[i];
    r[t] = scale;
  }
}

template <class T>
TUTTI_INLINED void add_norm(long tokens, long width, double epsilon, const T* x, const T* more,
                            const T* w, T* sum, T* y, T* r) {
  for (long t = 0; t < tokens; ++t, x += width, more += width, sum += width, y += width) {
#pragma GCC ivdep
    for (long i = 0; i < width; ++i) sum[i] = x[i] + more[i];
    norm(1, width, epsilon, sum, w, y, r + t);
  }
}

// With n = x r: dx = r (dy w - n mean(dy w n)).
template <class T>
TUTTI_INLINED void backward_input(long tokens, long width, const T* dy, const T* x, const T* w,
                                  const T* r, T* dx) {
  for (long t = 0; t < tokens; ++t, x += width, dy += width, dx += width) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < width; ++i) sum += dy[i] * w[i] * x[i];
    const T scale = r[t];
    const T mean = sum * scale * scale / static_cast<T>(width);
#pragma GCC ivdep
    for (long i = 0; i < width; ++i) dx[i] += scale * (dy[i] * w[i] - x[i] * mean);
  }
}

template <class T>
TUTTI_INLINED void backward_weight(long tokens, long width, const T* dy, const T* x, const T* r,
                                   T* dw) {
  for (long t = 0; t < tokens; ++t, x += width, dy += width) {
#pragma GCC ivdep
    for (long i = 0; i < width; ++i) dw[i] += dy[i] * x[i] * r[t];
  }
}

}  // namespace

#define TUTTI_ON_HOST(T)                                                                        \
  template <>                                                                                   \
  TUTTI_VECTORS void rms_norm(long tokens, long width, double epsilon, const T* x, const T* w,  \
                              T* y, T* r) {                                                     \
    norm(tokens, width, epsilon, x, w, y, r);                                                   \
  }                                                                                             \
  template <>                                                                                   \
  TUTTI_VECTORS void add_rms_norm(long tokens, long width, double epsilon, const T* x,          \
                                  const T* more, const T* w, T* sum, T* y, T* r) {              \
    add_norm(tokens, width, epsilon, x, more, w, sum, y, r);                                    \
  }                                                                                             \
  template <>                                                                                   \
  TUTTI_VECTORS void rms_norm_backward_input(long tokens, long width, const T* dy, const T* x,  \
                                             const T* w, const T* r, T* dx) {                   \
    backward_input(tokens, width, dy, x, w, r, dx);                                             \
  }                                                                                             \
  template <>                                                                                   \
  TUTTI_VECTORS void rms_norm_backward_weight(long tokens, long width, const T* dy, const T* x, \
                                              const T* r, T* dw) {                              \
    backward_weight(tokens, width, dy, x, r, dw);                                               \
  }
TUTTI_ON_HOST(float)
TUTTI_ON_HOST(double)
#undef TUTTI_ON_HOST

}  // namespace tutti::train
