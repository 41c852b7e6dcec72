#include "train/kernels/gated_norm.h"

#include <cmath>

#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

template <class T>
TUTTI_INLINED void forward_gate(const GateShape& s, const T* y, const T* z, T* v) {
  for (long t = 0; t < s.tokens; ++t, y += s.width, z += s.z_stride, v += s.width) {
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) v[i] = y[i] * z[i] / (1 + exponential(-z[i]));
  }
}

template <class T>
TUTTI_INLINED void backward_gate(const GateShape& s, const T* dv, const T* y, const T* z, T* dy,
                                 T* dz) {
  for (long t = 0; t < s.tokens; ++t) {
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) {
      const T share = 1 / (1 + exponential(-z[i]));
      const T gradient = dv[i];
      dy[i] = gradient * z[i] * share;
      dz[i] = gradient * y[i] * share * (1 + z[i] * (1 - share));
    }
    dv += s.width;
    y += s.width;
    z += s.z_stride;
    dy += s.width;
    dz += s.z_stride;
  }
}

template <class T>
TUTTI_INLINED void sum_squares(const GroupNormShape& s, const T* v, T* squares) {
  for (long n = 0; n < s.tokens * s.groups; ++n, v += s.width) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < s.width; ++i) sum += v[i] * v[i];
    squares[n] = sum;
  }
}

template <class T>
TUTTI_INLINED void norm(const GroupNormShape& s, const T* v, const T* w, T* squares, T* o) {
  for (long n = 0; n < s.tokens * s.groups; ++n, v += s.width, o += s.width) {
    const T r =
        1 / std::sqrt(squares[n] / static_cast<T>(s.whole_width) + static_cast<T>(s.epsilon));
    const T* weights = w + n % s.groups * s.width;
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) o[i] = v[i] * r * weights[i];
    squares[n] = r;
  }
}

template <class T>
TUTTI_INLINED void sum_gradients(const GroupNormShape& s, const T* d_o, const T* v, const T* w,
                                 T* sums) {
  for (long n = 0; n < s.tokens * s.groups; ++n, v += s.width, d_o += s.width) {
    const T* weights = w + n % s.groups * s.width;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < s.width; ++i) sum += d_o[i] * weights[i] * v[i];
    sums[n] = sum;
  }
}

// With n = v r: dv = r (do w - n mean(do w n)).
template <class T>
TUTTI_INLINED void backward_input(const GroupNormShape& s, const GroupNormBackward<T>& b, T* dv) {
  const T* d_o = b.d_o;
  const T* v = b.v;
  for (long n = 0; n < s.tokens * s.groups; ++n, v += s.width, d_o += s.width, dv += s.width) {
    const T r = b.r[n];
    const T mean = b.sums[n] * r * r / static_cast<T>(s.whole_width);
    const T* weights = b.w + n % s.groups * s.width;
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) dv[i] = r * (d_o[i] * weights[i] - v[i] * mean);
  }
}

template <class T>
TUTTI_INLINED void backward_weight(const GroupNormShape& s, const T* d_o, const T* v, const T* r,
                                   T* dw) {
  for (long n = 0; n < s.tokens * s.groups; ++n, v += s.width, d_o += s.width) {
    T* weights = dw + n % s.groups * s.width;
#pragma GCC ivdep
    for (long i = 0; i < s.width; ++i) weights[i] += d_o[i] * v[i] * r[n];
  }
}

}  // namespace

#define TUTTI_TRANSLATE(T)                                                                       \
  template <>                                                                                    \
  TUTTI_VECTORS void gate(const GateShape& shape, const T* y, const T* z, T* v) {                \
    forward_gate(shape, y, z, v);                                                                \
  }                                                                                              \
  template <>                                                                                    \
  TUTTI_VECTORS void gate_backward(const GateShape& shape, const T* dv, const T* y, const T* z,  \
                                   T* dy, T* dz) {                                               \
    backward_gate(shape, dv, y, z, dy, dz);                                                      \
  }                                                                                              \
  template <>                                                                                    \
  TUTTI_VECTORS void group_norm_squares(const GroupNormShape& shape, const T* v, T* squares) {   \
    sum_squares(shape, v, squares);                                                              \
  }                                                                                              \
  template <>                                                                                    \
  TUTTI_VECTORS void group_norm(const GroupNormShape& shape, const T* v, const T* w, T* squares, \
                                T* o) {                                                          \
    norm(shape, v, w, squares, o);                                                               \
  }                                                                                              \
  template <>                                                                                    \
  TUTTI_VECTORS void group_norm_backward_sums(const GroupNormShape& shape, const T* d_o,         \
                                              const T* v, const T* w, T* sums) {                 \
    sum_gradients(shape, d_o, v, w, sums);                                                       \
  }                                                                                              \
  template <>                                                                                    \
  TUTTI_VECTORS void group_norm_backward_input(const GroupNormShape& shape,                      \
                                               const GroupNormBackward<T>& backward, T* dv) {    \
    backward_input(shape, backward, dv);                                                         \
  }                                                                                              \
  template <>                                                                                    \
  TUTTI_VECTORS void group_norm_backward_weight(const GroupNormShape& shape, const T* d_o,       \
                                                const T* v, const T* r, T* dw) {                 \
    backward_weight(shape, d_o, v, r, dw);                                                       \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

}  // namespace tutti::train
