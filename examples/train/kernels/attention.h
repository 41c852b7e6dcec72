// Causal attention with grouped keys and values, piece by piece: queries of one piece of a sequence
// look at the keys of another, and a softmax that has seen some keys can go on with more
// ("online"). So the pieces may come in any order, from this rank or another.
//
// Dao et al., "FlashAttention", 2022: nothing of size queries x keys leaves the cache.
// Tested by train_kernels_test.cc; on devices, by train_device_attention_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

struct HeadShape {
  long heads = 0;         // of queries
  long kv_heads = 0;      // query head h looks at key head h / (heads / kv_heads)
  long width = 0;         // of a head
  long query_stride = 0;  // elements from a token's queries to the next token's
  long key_stride = 0;    // the same of keys and of values
};

/// Neighbours in a sequence: `count` tokens from position `position`.
struct Tokens {
  long position = 0;
  long count = 0;
};

/// Takes keys in: for each query and head, `out` [count, heads, width] is the sum of the values
/// seen, each times exp(score - most), `sum` that of the factors, `most` the largest score; [count,
/// heads]. A query sees the keys at its position and before.
template <class T>
void attend(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k, const T* v,
            Precise<T>* out, Precise<T>* most, Precise<T>* sum);

/// Before the first keys.
template <class T>
void attend_begin(const HeadShape& shape, long queries, T* out, T* most, T* sum);
/// After the last: out becomes the attention, most the logarithm of the sum of exponentials.
/// `seen`: what attend() made; out itself where T is precise.
template <class T>
void attend_end(const HeadShape& shape, long queries, const Precise<T>* seen, T* out,
                Precise<T>* most, const Precise<T>* sum);

/// delta [count, heads] = dout · out of each query and head, which the backward pass needs.
template <class T>
void attend_delta(const HeadShape& shape, long queries, const T* out, const T* d_out,
                  Precise<T>* delta);

/// Adds to dq (stride of queries), dk and dv (of keys) what these keys have to do with d_out.
/// `log_sum` as attend_end() left it, of all keys.
template <class T>
void attend_backward(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k,
                     const T* v, const T* d_out, const Precise<T>* log_sum, const Precise<T>* delta,
                     Precise<T>* dq, Precise<T>* dk, Precise<T>* dv);

}  // namespace tutti::train
