// What the forward and the backward pass of ssd.h share: how tokens and heads are cut, running sums
// of a chunk, and states that go from chunk to chunk.

#pragma once

#include <algorithm>

#include "train/array.h"
#include "train/kernels/blas.h"
#include "train/kernels/ssd.h"

namespace tutti::train::ssd {

/// Neighbours of a sequence.
struct Chunk {
  long index = 0;
  long first = 0;
  long count = 0;
};

inline Chunk chunk_of(const SsdShape& s, long index) {
  const long first = index * s.chunk;
  return {index, first, std::min(s.chunk, s.tokens - first)};
}

/// Neighbours that use the same B and C.
struct Heads {
  long group = 0;
  long first = 0;
  long count = 0;
};

/// Calls f(Heads) for all heads, `most` at a time.
template <class Function>
void for_each_heads(const SsdShape& s, long most, Function f) {
  for (long head = 0; head < s.heads;) {
    const long place = s.first_head + head;
    const long left = s.heads_per_group - place % s.heads_per_group;
    const Heads heads{place / s.heads_per_group, head, std::min({left, most, s.heads - head})};
    f(heads);
    head += heads.count;
  }
}

/// So many heads that what a product reads and writes stays in the cache.
inline long heads_at_once(const SsdShape& s) { return std::max(1L, 512 / s.width); }

/// Bands of rows of a lower triangle: f(first row, rows); columns from first + rows are zero.
constexpr long kBand = 64;
template <class Function>
void for_each_band_upwards(long rows, Function f) {
  for (long first = (rows - 1) / kBand * kBand; first >= 0; first -= kBand) {
    f(first, std::min(kBand, rows - first));
  }
}

// Where a chunk's matrices are: x and its like, y and its like, B or C and theirs, a state.
template <class T>
Matrix<T> x_of(const SsdShape& s, const Chunk& chunk, long head, T* x) {
  return {x + chunk.first * s.input_stride + head * s.width, s.input_stride};
}
template <class T>
Matrix<T> y_of(const SsdShape& s, const Chunk& chunk, long head, T* y) {
  return {y + (chunk.first * s.heads + head) * s.width, s.heads * s.width};
}
template <class T>
Matrix<T> group_of(const SsdShape& s, const Chunk& chunk, long group, T* b) {
  return {b + chunk.first * s.matrix_stride + group * s.states, s.matrix_stride};
}
template <class T>
Matrix<T> state_of(const SsdShape& s, long index, long head, T* states) {
  return {states + index * s.state_size() + head * s.width * s.states, s.states};
}
template <class T>
Matrix<T> transposed(Matrix<T> matrix) {
  matrix.transposed = !matrix.transposed;
  return matrix;
}
template <class T>
Matrix<T> from_row(Matrix<T> matrix, long row) {
  matrix.data += row * matrix.stride;
  return matrix;
}

/// Time steps of one chunk, and the running sums s of dt A; [heads, chunk].
template <class T>
class Steps {
 public:
  Steps(const SsdShape& shape, const T* a_log);

  void load(const Chunk& chunk, const T* dt);

  const T* steps(long head) const { return steps_.data() + head * shape_.chunk; }
  const T* sums(long head) const { return sums_.data() + head * shape_.chunk; }
  /// Of all the chunk's tokens.
  T sum(long head) const { return sums(head)[count_ - 1]; }
  T a(long head) const { return a_[head]; }
  /// exp(sum) of each head.
  const T* decays() const { return decays_.data(); }

  /// factors [heads, chunk] = exp(s_i): what becomes of the state before the chunk.
  void since_start(T* factors) const;
  /// factors = exp(s_last - s_i): what is left at the end of what a token adds.
  void until_end(T* factors) const;
  /// factors *= dt
  void times_steps(T* factors) const;

 private:
  const SsdShape& shape_;
  long count_ = 0;
  Array<T> a_, decays_, steps_, sums_;
};

/// out [rows, heads.count width] = in times each row's factor of each head.
void scale_rows(const SsdShape& s, const Heads& heads, long rows, Matrix<const float> in,
                const float* factors, float* out);
void scale_rows(const SsdShape& s, const Heads& heads, long rows, Matrix<const double> in,
                const double* factors, double* out);
/// out += …; in [rows, heads.count width].
void add_scaled_rows(const SsdShape& s, const Heads& heads, long rows, const float* in,
                     const float* factors, Matrix<float> out);
void add_scaled_rows(const SsdShape& s, const Heads& heads, long rows, const double* in,
                     const double* factors, Matrix<double> out);

/// passing = decays passing + added, of all heads. Where `exchange`, added becomes what came in.
void pass_state(const SsdShape& s, const float* decays, bool exchange, float* added,
                float* passing);
void pass_state(const SsdShape& s, const double* decays, bool exchange, double* added,
                double* passing);

}  // namespace tutti::train::ssd
