#include "train/kernels/ssd_chunks.h"

#include <cmath>

#include "train/kernels/vectors.h"

namespace tutti::train::ssd {
namespace {

template <class T>
TUTTI_INLINED void scale(const SsdShape& s, const Heads& heads, long rows, Matrix<const T> in,
                         const T* factors, T* out) {
  for (long i = 0; i < rows; ++i) {
    const T* row = in.data + i * in.stride;
    for (long h = 0; h < heads.count; ++h, row += s.width, out += s.width) {
      const T factor = factors[(heads.first + h) * s.chunk + i];
#pragma GCC ivdep
      for (long p = 0; p < s.width; ++p) out[p] = row[p] * factor;
    }
  }
}

template <class T>
TUTTI_INLINED void add_scaled(const SsdShape& s, const Heads& heads, long rows, const T* in,
                              const T* factors, Matrix<T> out) {
  for (long i = 0; i < rows; ++i) {
    T* row = out.data + i * out.stride;
    for (long h = 0; h < heads.count; ++h, row += s.width, in += s.width) {
      const T factor = factors[(heads.first + h) * s.chunk + i];
#pragma GCC ivdep
      for (long p = 0; p < s.width; ++p) row[p] += in[p] * factor;
    }
  }
}

template <class T>
TUTTI_INLINED void pass(const SsdShape& s, const T* decays, bool exchange, T* added, T* passing) {
  const long size = s.width * s.states;
  for (long h = 0; h < s.heads; ++h, added += size, passing += size) {
    const T decay = decays[h];
#pragma GCC ivdep
    for (long i = 0; i < size; ++i) {
      const T before = passing[i];
      passing[i] = decay * before + added[i];
      added[i] = exchange ? before : added[i];
    }
  }
}

template <class T>
TUTTI_INLINED void exponentials(long count, T sign, const T* x, T shift, T* y) {
#pragma GCC ivdep
  for (long i = 0; i < count; ++i) y[i] = exponential(sign * x[i] + shift);
}

#define TUTTI_TRANSLATE(T)                                                              \
  TUTTI_VECTORS void take_exponentials(long count, T sign, const T* x, T shift, T* y) { \
    exponentials(count, sign, x, shift, y);                                             \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

}  // namespace

template <class T>
Steps<T>::Steps(const SsdShape& shape, const T* a_log)
    : shape_(shape),
      a_(shape.heads),
      decays_(shape.heads),
      steps_(shape.heads * shape.chunk),
      sums_(shape.heads * shape.chunk) {
  for (long h = 0; h < shape.heads; ++h) a_[h] = -std::exp(a_log[h]);
}

template <class T>
void Steps<T>::load(const Chunk& chunk, const T* dt) {
  count_ = chunk.count;
  for (long h = 0; h < shape_.heads; ++h) {
    T* steps = steps_.data() + h * shape_.chunk;
    T* sums = sums_.data() + h * shape_.chunk;
    T sum = 0;
    for (long i = 0; i < count_; ++i) {
      steps[i] = dt[(chunk.first + i) * shape_.heads + h];
      sums[i] = sum += steps[i] * a_[h];
    }
    decays_[h] = std::exp(sum);
  }
}

template <class T>
void Steps<T>::since_start(T* factors) const {
  for (long h = 0; h < shape_.heads; ++h) {
    take_exponentials(count_, T{1}, sums(h), T{0}, factors + h * shape_.chunk);
  }
}

template <class T>
void Steps<T>::until_end(T* factors) const {
  for (long h = 0; h < shape_.heads; ++h) {
    take_exponentials(count_, T{-1}, sums(h), sum(h), factors + h * shape_.chunk);
  }
}

template <class T>
void Steps<T>::times_steps(T* factors) const {
  for (long h = 0; h < shape_.heads; ++h) {
    for (long i = 0; i < count_; ++i) factors[h * shape_.chunk + i] *= steps(h)[i];
  }
}

template class Steps<float>;
template class Steps<double>;

#define TUTTI_TRANSLATE(T)                                                                   \
  TUTTI_VECTORS void scale_rows(const SsdShape& s, const Heads& heads, long rows,            \
                                Matrix<const T> in, const T* factors, T* out) {              \
    scale(s, heads, rows, in, factors, out);                                                 \
  }                                                                                          \
  TUTTI_VECTORS void add_scaled_rows(const SsdShape& s, const Heads& heads, long rows,       \
                                     const T* in, const T* factors, Matrix<T> out) {         \
    add_scaled(s, heads, rows, in, factors, out);                                            \
  }                                                                                          \
  TUTTI_VECTORS void pass_state(const SsdShape& s, const T* decays, bool exchange, T* added, \
                                T* passing) {                                                \
    pass(s, decays, exchange, added, passing);                                               \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

}  // namespace tutti::train::ssd
