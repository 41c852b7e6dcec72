// Attention as its definition says, a query and a key at a time: what the tests compare with.
//
// The functions are those of train/kernels/attention.h.

#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "train/kernels/attention.h"

namespace tutti::train::plain {

template <class T>
T dot(const T* a, const T* b, long width) {
  T sum = 0;
  for (long i = 0; i < width; ++i) sum += a[i] * b[i];
  return sum;
}

template <class T>
void add(T factor, const T* from, T* to, long width) {
  for (long i = 0; i < width; ++i) to[i] += factor * from[i];
}

// How many of the keys the query sees.
long seen(const Tokens& keys, long position) {
  return std::clamp(position - keys.position + 1, 0L, keys.count);
}

template <class T>
T scale_of(const HeadShape& shape) {
  return 1 / std::sqrt(static_cast<T>(shape.width));
}

template <class T>
void attend_begin(const HeadShape& shape, long queries, T* out, T* most, T* sum) {
  std::fill_n(out, queries * shape.heads * shape.width, T{0});
  std::fill_n(most, queries * shape.heads, -std::numeric_limits<T>::infinity());
  std::fill_n(sum, queries * shape.heads, T{0});
}

template <class T>
void attend(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k, const T* v,
            T* out, T* most, T* sum) {
  const T scale = scale_of<T>(shape);
  const long share = shape.heads / shape.kv_heads;
  for (long i = 0; i < queries.count; ++i) {
    const long count = seen(keys, queries.position + i);
    for (long head = 0; head < shape.heads; ++head) {
      const T* query = q + i * shape.query_stride + head * shape.width;
      T* result = out + (i * shape.heads + head) * shape.width;
      T& top = most[i * shape.heads + head];
      T& total = sum[i * shape.heads + head];
      for (long j = 0; j < count; ++j) {
        const long at = j * shape.key_stride + head / share * shape.width;
        const T score = scale * dot(query, k + at, shape.width);
        if (score > top) {
          const T shrink = std::exp(top - score);
          for (long n = 0; n < shape.width; ++n) result[n] *= shrink;
          total *= shrink;
          top = score;
        }
        const T weight = std::exp(score - top);
        add(weight, v + at, result, shape.width);
        total += weight;
      }
    }
  }
}

template <class T>
void attend_end(const HeadShape& shape, long queries, T* out, T* most, const T* sum) {
  for (long n = 0; n < queries * shape.heads; ++n) {
    for (long i = 0; i < shape.width; ++i) out[n * shape.width + i] /= sum[n];
    most[n] += std::log(sum[n]);
  }
}

template <class T>
void attend_delta(const HeadShape& shape, long queries, const T* out, const T* d_out, T* delta) {
  for (long n = 0; n < queries * shape.heads; ++n) {
    delta[n] = dot(out + n * shape.width, d_out + n * shape.width, shape.width);
  }
}

// With p = exp(score - log_sum): dv += p dout, dscore = p (dout·v - delta).
template <class T>
void attend_backward(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k,
                     const T* v, const T* d_out, const T* log_sum, const T* delta, T* dq, T* dk,
                     T* dv) {
  const T scale = scale_of<T>(shape);
  const long share = shape.heads / shape.kv_heads;
  for (long i = 0; i < queries.count; ++i) {
    const long count = seen(keys, queries.position + i);
    for (long head = 0; head < shape.heads; ++head) {
      const long from = i * shape.query_stride + head * shape.width;
      const long n = i * shape.heads + head;
      const T* d_result = d_out + n * shape.width;
      for (long j = 0; j < count; ++j) {
        const long at = j * shape.key_stride + head / share * shape.width;
        const T p = std::exp(scale * dot(q + from, k + at, shape.width) - log_sum[n]);
        add(p, d_result, dv + at, shape.width);
        const T d_score = p * (dot(d_result, v + at, shape.width) - delta[n]) * scale;
        add(d_score, k + at, dq + from, shape.width);
        add(d_score, q + from, dk + at, shape.width);
      }
    }
  }
}

}  // namespace tutti::train::plain
