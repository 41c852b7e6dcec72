#include "train/kernels/norm.h"

#include <cmath>

namespace tutti::train {

template <class T>
void rms_norm(long tokens, long width, double epsilon, const T* x, const T* w, T* y, T* r) {
  for (long t = 0; t < tokens; ++t, x += width, y += width) {
    T squares = 0;
#pragma omp simd reduction(+ : squares)
    for (long i = 0; i < width; ++i) squares += x[i] * x[i];
    const T scale = 1 / std::sqrt(squares / static_cast<T>(width) + static_cast<T>(epsilon));
    for (long i = 0; i < width; ++i) y[i] = x[i] * scale * w[i];
    r[t] = scale;
  }
}

// With n = x r: dx = r (dy w - n mean(dy w n)).
template <class T>
void rms_norm_backward_input(long tokens, long width, const T* dy, const T* x, const T* w,
                             const T* r, T* dx) {
  for (long t = 0; t < tokens; ++t, x += width, dy += width, dx += width) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < width; ++i) sum += dy[i] * w[i] * x[i];
    const T scale = r[t];
    const T mean = sum * scale * scale / static_cast<T>(width);
    for (long i = 0; i < width; ++i) dx[i] += scale * (dy[i] * w[i] - x[i] * mean);
  }
}

template <class T>
void rms_norm_backward_weight(long tokens, long width, const T* dy, const T* x, const T* r, T* dw) {
  for (long t = 0; t < tokens; ++t, x += width, dy += width) {
    for (long i = 0; i < width; ++i) dw[i] += dy[i] * x[i] * r[t];
  }
}

template void rms_norm(long, long, double, const float*, const float*, float*, float*);
template void rms_norm(long, long, double, const double*, const double*, double*, double*);
template void rms_norm_backward_input(long, long, const float*, const float*, const float*,
                                      const float*, float*);
template void rms_norm_backward_input(long, long, const double*, const double*, const double*,
                                      const double*, double*);
template void rms_norm_backward_weight(long, long, const float*, const float*, const float*,
                                       float*);
template void rms_norm_backward_weight(long, long, const double*, const double*, const double*,
                                       double*);

}  // namespace tutti::train
