// The selective scan of Mamba-1. For each channel d, with A = -exp(A_log):
//
//   h_t[n] = exp(delta_t A[n]) h_{t-1}[n] + delta_t B_t[n] x_t        y_t = sum_n C_t[n] h_t[n] + D
//   x_t
//
// One sequence, or one shard of it, which is an affine map of the state that it starts from:
// final = exp(A sum_t delta_t) initial + what it makes of zero. So shards pass states like this:
// each calls scan_state(); an exclusive scan over the shards, by carry(), tells each its
// initial state; each calls scan(). Backwards the same in reverse, scan_backward_state() first. One
// shard alone needs scan() and scan_backward() only.
//
// Gu and Dao, "Mamba", 2023. Tested by train_selective_scan_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

struct ScanShape {
  long tokens = 0;
  long channels = 0;       // of this rank: D below
  long states = 0;         // of a channel: N below
  long chunk = 64;         // tokens from a state that is kept to the next
  long input_stride = 0;   // elements from a token's x (and dx) to the next token's
  long matrix_stride = 0;  // the same of B and C (and their gradients)

  long chunks() const { return (tokens + chunk - 1) / chunk; }
  long state_size() const { return channels * states; }
};

template <class T>
struct ScanInput {
  const T* x = nullptr;               // [tokens, D], with its stride
  const Precise<T>* delta = nullptr;  // [tokens, D]: time steps, after softplus
  const T* b = nullptr;               // [tokens, N], with their stride
  const T* c = nullptr;
  const Precise<T>* a_log = nullptr;  // [D, N]
  const Precise<T>* d = nullptr;      // [D]
};

template <class T>
struct ScanGradients {
  T* x = nullptr;  // set, in the shapes and strides of what they belong to
  Precise<T>* delta = nullptr;
  T* b = nullptr;
  T* c = nullptr;
  Precise<T>* a_log = nullptr;  // added to
  Precise<T>* d = nullptr;
};

/// final [D, N]: the last state, from zero. exp(log_decay [D, N]) is what an initial state is
/// multiplied with.
template <class T>
void scan_state(const ScanShape& shape, const ScanInput<T>& input, Precise<T>* final,
                Precise<T>* log_decay);

/// y [tokens, D]. Keeps states [chunks + 1, D, N]: before each chunk, then the last. initial null:
/// zero.
template <class T>
void scan(const ScanShape& shape, const ScanInput<T>& input, const Precise<T>* initial, T* y,
          Precise<T>* states);

/// d_initial [D, N]: what dy [tokens, D] makes of the initial state, were the last one unused.
template <class T>
void scan_backward_state(const ScanShape& shape, const ScanInput<T>& input, const T* dy,
                         Precise<T>* d_initial);

/// Gradients of y and of the last state, and the states that scan() kept.
template <class T>
struct ScanBackward {
  const T* dy = nullptr;
  const Precise<T>* d_final = nullptr;  // [D, N]; null: zero
  const Precise<T>* states = nullptr;
};

/// The gradients of everything; d_initial [D, N] is set.
template <class T>
void scan_backward(const ScanShape& shape, const ScanInput<T>& input,
                   const ScanBackward<T>& backward, const ScanGradients<T>& gradients,
                   Precise<T>* d_initial);

/// Numbers that it takes room for while it runs, whatever the number of tokens.
long scan_backward_room(const ScanShape& shape);

}  // namespace tutti::train
