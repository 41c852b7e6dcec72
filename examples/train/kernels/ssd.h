// State space duality, the scan of Mamba-2. For each head, with A = -exp(A_log), a number:
//
//   S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_tᵀ        y_t = S_t C_t + D x_t        S is [P, N]
//
// in chunks of tokens. Inside a chunk, with s the running sum of dt A, it is like attention:
// y_i = sum_{j <= i} (C_i·B_j) exp(s_i - s_j) dt_j x_j; from chunk to chunk a state is passed.
// Everything of size is a product of matrices. The exponents are never positive.
//
// One sequence, or one shard of it, which is an affine map of the state that it starts from, so
// that sequences can be cut. What needs a neighbour stands apart from what does not:
//
//   forward    ssd_states            then exchange states (carry.h is how they combine)
//              ssd_inside            meanwhile
//              ssd_finish            with the initial state
//   backward   ssd_backward_states   then exchange gradients, in reverse
//              ssd_backward_inside   meanwhile
//              ssd_backward_finish   with the gradient of the last state
//
// Dao and Gu, "Transformers are SSMs", 2024. Tested by train_ssd_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

struct SsdShape {
  long tokens = 0;
  long heads = 0;            // of this rank: H below
  long width = 0;            // of a head: P
  long states = 0;           // N
  long groups = 0;           // of B and C: G
  long heads_per_group = 0;  // head h uses group (first_head + h) / heads_per_group of them
  long first_head = 0;
  long chunk = 128;
  long input_stride = 0;   // elements from a token's x (and dx) to the next token's
  long matrix_stride = 0;  // the same of B and C (and their gradients)

  long chunks() const { return (tokens + chunk - 1) / chunk; }
  long state_size() const { return heads * width * states; }
};

template <class T>
struct SsdInput {
  const T* x = nullptr;            // [tokens, H, P], with its stride
  const Precise<T>* dt = nullptr;  // [tokens, H]: time steps, after softplus and limits
  const T* b = nullptr;            // [tokens, G, N], with their stride
  const T* c = nullptr;
  const Precise<T>* a_log = nullptr;  // [H]
  const Precise<T>* d = nullptr;      // [H]
};

template <class T>
struct SsdGradients {
  T* x = nullptr;  // set, in the shapes and strides of what they belong to
  Precise<T>* dt = nullptr;
  T* b = nullptr;  // zero in groups that no head here uses
  T* c = nullptr;
  Precise<T>* a_log = nullptr;  // added to, by ssd_backward_finish()
  Precise<T>* d = nullptr;
};

/// states [chunks + 1, H, P, N]: what each chunk makes of zero; then the last state, from zero.
/// log_decay [H]: exp of it is what an initial state is multiplied with up to the last token.
template <class T>
void ssd_states(const SsdShape& shape, const SsdInput<T>& input, Precise<T>* states,
                Precise<T>* log_decay);

/// y [tokens, H, P]: what ssd_finish() goes on from.
template <class T>
void ssd_inside(const SsdShape& shape, const SsdInput<T>& input, T* y);

/// y: with what earlier chunks contribute. states, as ssd_states() left them, become the state
/// before each chunk, then the last. initial [H, P, N] null: zero.
template <class T>
void ssd_finish(const SsdShape& shape, const SsdInput<T>& input, const Precise<T>* initial,
                Precise<T>* states, T* y);

/// d_states [chunks + 1, H, P, N]: what dy [tokens, H, P] makes of the initial state, were the last
/// one unused; then what each chunk's dy makes of the state before it.
template <class T>
void ssd_backward_states(const SsdShape& shape, const SsdInput<T>& input, const T* dy,
                         Precise<T>* d_states);

/// Begins the gradients of x, dt, B and C.
template <class T>
void ssd_backward_inside(const SsdShape& shape, const SsdInput<T>& input, const T* dy,
                         const SsdGradients<T>& gradients);

/// What ssd_backward_finish() takes.
template <class T>
struct SsdBackward {
  const T* dy = nullptr;
  const Precise<T>* states = nullptr;   // as ssd_finish() left them
  const Precise<T>* d_final = nullptr;  // [H, P, N]: gradient of the last state; null: zero
  Precise<T>* d_states = nullptr;       // as ssd_backward_states() left them
};

/// The gradients of everything. d_states become the gradients of `states`: first that of the
/// initial state, last d_final.
template <class T>
void ssd_backward_finish(const SsdShape& shape, const SsdInput<T>& input,
                         const SsdBackward<T>& backward, const SsdGradients<T>& gradients);

}  // namespace tutti::train
