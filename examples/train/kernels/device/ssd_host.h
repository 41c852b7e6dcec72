// What both passes of the scan of kernels/ssd.h on a device begin with; for ssd.cc and
// ssd_backward.cc here.

#pragma once

#include "train/kernels/device/multiply.h"
#include "train/kernels/device/room.h"
#include "train/kernels/device/ssd.h"
#include "train/kernels/ssd_chunks.h"

namespace tutti::train::ssd {

/// Chunks that are alike, for products of many at once.
struct ChunkRun {
  Chunk first;  // with how many tokens each has
  long chunks = 0;
};

/// Calls f(ChunkRun) for the whole chunks, and the last one if it is shorter.
template <class Function>
void for_each_run(const SsdShape& s, Function f) {
  const long whole = s.tokens / s.chunk;
  if (whole > 0) f(ChunkRun{{0, 0, s.chunk}, whole});
  if (whole < s.chunks()) f(ChunkRun{chunk_of(s, whole), 1});
}

/// Of the same matrix in one chunk and the next: rows of tokens.
inline long chunk_step(const SsdShape& s, long stride) { return s.chunk * stride; }

template <class T>
Matrix<const T> read_only(Matrix<T> matrix) {
  return {matrix.data, matrix.stride, matrix.transposed};
}

inline std::size_t sums_bytes(const SsdShape& s) { return Room::bytes<float>(s.tokens * s.heads); }

/// Time steps with their sums, which are made in `room`.
template <class S>
SsdSteps steps_of(const SsdShape& s, const SsdInput<OnDevice<S>>& in, Room& room) {
  auto* const sums = room.take<float>(s.tokens * s.heads);
  const SsdSteps steps{s, plain(in.a_log), plain(in.dt), sums};
  const SumSsdSteps kernel{steps, sums};
  launch(kernel.blocks(), kernel);
  return steps;
}

template <SsdFactor kFactor, class S>
void scale_rows(const SsdSteps& steps, const OnDevice<S>* in, long stride, OnDevice<S>* out) {
  const SsdShape& s = steps.shape;
  by_packs<S>(divides<S>(s.width, stride) && is_aligned(in, out), [&](auto wide) {
    using Kernel = ScaleSsdRows<S, wide, kFactor>;
    launch_packs(s.tokens, s.heads * s.width, wide, Kernel{steps, plain(in), stride, plain(out)});
  });
}

template <bool kExchange, class S>
void pass_states(const SsdSteps& steps, bool backward, const float* from, float* states,
                 S* rounded) {
  using Kernel = PassSsdStates<S, kExchange>;
  launch(ceil_divide(steps.shape.state_size(), Kernel::kThreads),
         Kernel{steps, steps.shape.chunks(), backward, from, states, rounded});
}

/// States of chunks as products take them: themselves, or rounded, in [chunks, H, P, N].
template <class S>
struct ProductStates {
  OnDevice<S>* data;
  S* rounded;  // where pass_states() is to put them; null where nothing is to be rounded

  static std::size_t bytes(const SsdShape& s) {
    return sizeof(S) == sizeof(float) ? 0 : Room::bytes<S>(s.chunks() * s.state_size());
  }
  ProductStates(const SsdShape& s, OnDevice<float>* states, Room& room) {
    if constexpr (std::is_same_v<S, float>) {
      data = states;
      rounded = nullptr;
    } else {
      data = room.take<OnDevice<S>>(s.chunks() * s.state_size());
      rounded = plain(data);
    }
  }
};

/// out [tokens, H, P]: of each head B or C times the states of the chunk, transposed.
template <class S>
void see_states(const SsdShape& s, const OnDevice<S>* matrix, const OnDevice<S>* states,
                OnDevice<S>* out) {
  const long inner = s.heads * s.width;
  for_each_run(s, [&](const ChunkRun& run) {
    for_each_heads(s, s.heads, [&](const Heads& heads) {
      const Matrix<const OnDevice<S>> from = state_of(s, run.first.index, heads.first, states);
      multiply(run.first.count, heads.count * s.width, s.states, 1,
               group_of(s, run.first, heads.group, matrix), transposed(from), 0,
               y_of(s, run.first, heads.first, out),
               {run.chunks, chunk_step(s, s.matrix_stride), s.state_size(), chunk_step(s, inner)});
    });
  });
}

/// states [chunks, H, P, N]: of each head the chunk's rows [tokens, H, P], transposed, times B or
/// C.
template <class S>
void make_states(const SsdShape& s, const OnDevice<S>* rows, const OnDevice<S>* matrix,
                 OnDevice<float>* states) {
  const long inner = s.heads * s.width;
  for_each_run(s, [&](const ChunkRun& run) {
    for_each_heads(s, s.heads, [&](const Heads& heads) {
      multiply(heads.count * s.width, s.states, run.first.count, 1,
               transposed(y_of(s, run.first, heads.first, rows)),
               group_of(s, run.first, heads.group, matrix), 0,
               state_of(s, run.first.index, heads.first, states),
               {run.chunks, chunk_step(s, inner), chunk_step(s, s.matrix_stride), s.state_size()});
    });
  });
}

/// Scores C_i·B_j of a chunk and group, [Q, Q].
template <class S>
void score(const SsdShape& s, const SsdInput<OnDevice<S>>& in, const Chunk& chunk, long group,
           OnDevice<float>* scores) {
  multiply(chunk.count, chunk.count, s.states, 1, group_of(s, chunk, group, in.c),
           transposed(group_of(s, chunk, group, in.b)), 0, Matrix{scores, s.chunk});
}

}  // namespace tutti::train::ssd
