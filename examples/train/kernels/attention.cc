// In tiles of queries and keys whose scores stay in the cache; the products by BLAS.

#include "train/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "train/kernels/blas.h"
#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

constexpr long kQueries = 64;  // of a tile
constexpr long kKeys = 128;

template <class T>
struct Tile {
  alignas(64) T scores[kQueries * kKeys];
  alignas(64) T gradients[kQueries * kKeys];
};

// A head's queries of a tile, and keys that some of them see.
struct Range {
  long head = 0;
  long kv_head = 0;
  Tokens queries;
  Tokens keys;
  long first_query = 0;  // in the piece
  long first_key = 0;

  // How many of the keys query i sees.
  long seen(long i) const {
    return std::clamp(queries.position + i - keys.position + 1, 0L, keys.count);
  }
};

template <class Function>
void for_each_tile(const HeadShape& shape, Tokens queries, Tokens keys, Function f) {
  const long share = shape.heads / shape.kv_heads;
  for (long head = 0; head < shape.heads; ++head) {
    for (long i = 0; i < queries.count; i += kQueries) {
      const Tokens some{queries.position + i, std::min(kQueries, queries.count - i)};
      const long end = std::clamp(some.position + some.count - keys.position, 0L, keys.count);
      for (long j = 0; j < end; j += kKeys) {
        f(Range{head, head / share, some, {keys.position + j, std::min(kKeys, end - j)}, i, j});
      }
    }
  }
}

// Where a head of a tile's first token is.
long query_at(const HeadShape& shape, const Range& range) {
  return range.first_query * shape.query_stride + range.head * shape.width;
}
long key_at(const HeadShape& shape, const Range& range) {
  return range.first_key * shape.key_stride + range.kv_head * shape.width;
}
long result_at(const HeadShape& shape, const Range& range) {
  return (range.first_query * shape.heads + range.head) * shape.width;
}
long row_at(const HeadShape& shape, const Range& range) {
  return range.first_query * shape.heads + range.head;
}

template <class T>
T scale_of(const HeadShape& shape) {
  return 1 / std::sqrt(static_cast<T>(shape.width));
}

// A row of scores becomes exponentials; answers what older results are to be multiplied with.
template <class T>
TUTTI_INLINED T soften_row(T* scores, long seen, long keys, T& most, T& sum) {
  T top = most;
#pragma omp simd reduction(max : top)
  for (long j = 0; j < seen; ++j) top = std::max(top, scores[j]);
  const T shrink = seen > 0 ? exponential(most - top) : T{1};
  T added = 0;
#pragma omp simd reduction(+ : added)
  for (long j = 0; j < seen; ++j) {
    scores[j] = exponential(scores[j] - top);
    added += scores[j];
  }
  for (long j = std::max(seen, 0L); j < keys; ++j) scores[j] = 0;
  most = top;
  sum = sum * shrink + added;
  return shrink;
}

template <class T>
TUTTI_INLINED void soften_tile(const HeadShape& shape, const Range& range, T* scores, T* out,
                               T* most, T* sum) {
  for (long i = 0; i < range.queries.count; ++i) {
    const long row = row_at(shape, range) + i * shape.heads;
    const T shrink =
        soften_row(scores + i * kKeys, range.seen(i), range.keys.count, most[row], sum[row]);
    T* result = out + row * shape.width;
    if (shrink != 1) {
      for (long n = 0; n < shape.width; ++n) result[n] *= shrink;
    }
  }
}
TUTTI_VECTORS void soften(const HeadShape& shape, const Range& range, float* scores, float* out,
                          float* most, float* sum) {
  soften_tile(shape, range, scores, out, most, sum);
}
TUTTI_VECTORS void soften(const HeadShape& shape, const Range& range, double* scores, double* out,
                          double* most, double* sum) {
  soften_tile(shape, range, scores, out, most, sum);
}

// Scores become probabilities p, and gradients (dout·v) become those of the scores,
// p (dout·v - delta) scale.
template <class T>
TUTTI_INLINED void harden_tile(const HeadShape& shape, const Range& range, T scale,
                               const T* log_sum, const T* delta, T* scores, T* gradients) {
  for (long i = 0; i < range.queries.count; ++i, scores += kKeys, gradients += kKeys) {
    const long row = row_at(shape, range) + i * shape.heads;
    const T shift = log_sum[row];
    const T less = delta[row];
    const long seen = range.seen(i);
    for (long j = 0; j < seen; ++j) {
      scores[j] = exponential(scores[j] - shift);
      gradients[j] = scores[j] * (gradients[j] - less) * scale;
    }
    for (long j = std::max(seen, 0L); j < range.keys.count; ++j) scores[j] = gradients[j] = 0;
  }
}
TUTTI_VECTORS void harden(const HeadShape& shape, const Range& range, float scale,
                          const float* log_sum, const float* delta, float* scores,
                          float* gradients) {
  harden_tile(shape, range, scale, log_sum, delta, scores, gradients);
}
TUTTI_VECTORS void harden(const HeadShape& shape, const Range& range, double scale,
                          const double* log_sum, const double* delta, double* scores,
                          double* gradients) {
  harden_tile(shape, range, scale, log_sum, delta, scores, gradients);
}

}  // namespace

template <class T>
void attend_begin(const HeadShape& shape, long queries, T* out, T* most, T* sum) {
  std::fill_n(out, queries * shape.heads * shape.width, T{0});
  std::fill_n(most, queries * shape.heads, std::numeric_limits<T>::lowest());
  std::fill_n(sum, queries * shape.heads, T{0});
}

template <class T>
void attend(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k, const T* v,
            Precise<T>* out, Precise<T>* most, Precise<T>* sum) {
  Tile<T> tile;
  for_each_tile(shape, queries, keys, [&](const Range& range) {
    const long rows = range.queries.count;
    const long columns = range.keys.count;
    multiply(rows, columns, shape.width, scale_of<T>(shape),
             {q + query_at(shape, range), shape.query_stride},
             {k + key_at(shape, range), shape.key_stride, true}, T{0}, {tile.scores, kKeys});
    soften(shape, range, tile.scores, out, most, sum);
    multiply(rows, shape.width, columns, T{1}, {tile.scores, kKeys},
             {v + key_at(shape, range), shape.key_stride}, T{1},
             {out + result_at(shape, range), shape.heads * shape.width});
  });
}

template <class T>
void attend_end(const HeadShape& shape, long queries, const Precise<T>* seen, T* out,
                Precise<T>* most, const Precise<T>* sum) {
  for (long n = 0; n < queries * shape.heads; ++n) {
    const T share = 1 / sum[n];
    for (long i = 0; i < shape.width; ++i)
      out[n * shape.width + i] = seen[n * shape.width + i] * share;
    most[n] += std::log(sum[n]);
  }
}

template <class T>
void attend_delta(const HeadShape& shape, long queries, const T* out, const T* d_out,
                  Precise<T>* delta) {
  for (long n = 0; n < queries * shape.heads; ++n) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < shape.width; ++i) {
      sum += out[n * shape.width + i] * d_out[n * shape.width + i];
    }
    delta[n] = sum;
  }
}

template <class T>
void attend_backward(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k,
                     const T* v, const T* d_out, const Precise<T>* log_sum, const Precise<T>* delta,
                     Precise<T>* dq, Precise<T>* dk, Precise<T>* dv) {
  Tile<T> tile;
  const T scale = scale_of<T>(shape);
  for_each_tile(shape, queries, keys, [&](const Range& range) {
    const long rows = range.queries.count;
    const long columns = range.keys.count;
    const long width = shape.width;
    const Matrix<const T> query{q + query_at(shape, range), shape.query_stride};
    const Matrix<const T> key{k + key_at(shape, range), shape.key_stride};
    const Matrix<const T> d_result{d_out + result_at(shape, range), shape.heads * width};
    const Matrix<const T> scores{tile.scores, kKeys};
    const Matrix<const T> gradients{tile.gradients, kKeys};
    const auto turned = [](Matrix<const T> matrix) {
      matrix.transposed = true;
      return matrix;
    };
    multiply(rows, columns, width, scale, query, turned(key), T{0}, {tile.scores, kKeys});
    multiply(rows, columns, width, T{1}, d_result,
             {v + key_at(shape, range), shape.key_stride, true}, T{0}, {tile.gradients, kKeys});
    harden(shape, range, scale, log_sum, delta, tile.scores, tile.gradients);
    multiply(columns, width, rows, T{1}, turned(scores), d_result, T{1},
             {dv + key_at(shape, range), shape.key_stride});
    multiply(rows, width, columns, T{1}, gradients, key, T{1},
             {dq + query_at(shape, range), shape.query_stride});
    multiply(columns, width, rows, T{1}, turned(gradients), query, T{1},
             {dk + key_at(shape, range), shape.key_stride});
  });
}

#define TUTTI_INSTANTIATE(T)                                                                    \
  template void attend_begin(const HeadShape&, long, T*, T*, T*);                               \
  template void attend(const HeadShape&, Tokens, const T*, Tokens, const T*, const T*, T*, T*,  \
                       T*);                                                                     \
  template void attend_end(const HeadShape&, long, const T*, T*, T*, const T*);                 \
  template void attend_delta(const HeadShape&, long, const T*, const T*, T*);                   \
  template void attend_backward(const HeadShape&, Tokens, const T*, Tokens, const T*, const T*, \
                                const T*, const T*, const T*, T*, T*, T*);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
