#include "train/kernels/ssd.h"

#include <algorithm>
#include <cmath>

#include "train/kernels/ssd_chunks.h"
#include "train/kernels/vectors.h"

namespace tutti::train {

using namespace ssd;

namespace {

// Rows `first`… of scores C_i·B_j become exp(s_i - s_j) dt_j of them, with D added where i is j.
template <class T>
TUTTI_INLINED void mix_band(long first, long rows, const T* sums, const T* steps, T d,
                            const T* scores, T* mixed) {
  const int columns = static_cast<int>(first + rows);  // int: as wide as a float in a vector
  for (int i = static_cast<int>(first); i < columns; ++i, scores += columns, mixed += columns) {
    const T sum = sums[i];
#pragma GCC ivdep
    for (int j = 0; j < columns; ++j) {
      const T past = sum - sums[j];
      const T share = scores[j] * steps[j] * exponential(past < 0 ? past : T{0});
      mixed[j] = j <= i ? share : T{0};
    }
    mixed[i] += d;
  }
}
TUTTI_VECTORS void mix(long first, long rows, const float* sums, const float* steps, float d,
                       const float* scores, float* mixed) {
  mix_band(first, rows, sums, steps, d, scores, mixed);
}
TUTTI_VECTORS void mix(long first, long rows, const double* sums, const double* steps, double d,
                       const double* scores, double* mixed) {
  mix_band(first, rows, sums, steps, d, scores, mixed);
}

// Of the heads that share a group, in one chunk.
template <class T>
void inside(const SsdShape& s, const SsdInput<T>& in, const Chunk& chunk, const Heads& heads,
            const Steps<T>& steps, T* scores, T* mixed, T* y) {
  const auto b = group_of(s, chunk, heads.group, in.b);
  const auto c = group_of(s, chunk, heads.group, in.c);
  for_each_band_upwards(chunk.count, [&](long first, long rows) {
    const long columns = first + rows;
    multiply(rows, columns, s.states, T{1}, from_row(c, first), transposed(b), T{0},
             {scores, columns});
    for (long h = heads.first; h < heads.first + heads.count; ++h) {
      mix(first, rows, steps.sums(h), steps.steps(h), in.d[h], scores, mixed);
      multiply(rows, s.width, columns, T{1}, {mixed, columns}, x_of(s, chunk, h, in.x), T{0},
               from_row(y_of(s, chunk, h, y), first));
    }
  });
}

}  // namespace

template <class T>
void ssd_states(const SsdShape& s, const SsdInput<T>& in, Precise<T>* states,
                Precise<T>* log_decay) {
  Steps<T> steps(s, in.a_log);
  Array<T> factors(s.heads * s.chunk);
  Array<T> weighted(s.chunk * heads_at_once(s) * s.width);
  T* last = states + s.chunks() * s.state_size();
  std::fill_n(last, s.state_size(), T{0});
  std::fill_n(log_decay, s.heads, T{0});
  for (long index = 0; index < s.chunks(); ++index) {
    const Chunk chunk = chunk_of(s, index);
    steps.load(chunk, in.dt);
    steps.until_end(factors.data());
    steps.times_steps(factors.data());
    for_each_heads(s, heads_at_once(s), [&](const Heads& heads) {
      const long columns = heads.count * s.width;
      scale_rows(s, heads, chunk.count, x_of(s, chunk, heads.first, in.x), factors.data(),
                 weighted.data());
      multiply(columns, s.states, chunk.count, T{1}, {weighted.data(), columns, true},
               group_of(s, chunk, heads.group, in.b), T{0},
               state_of(s, index, heads.first, states));
    });
    pass_state(s, steps.decays(), /*exchange=*/false, states + index * s.state_size(), last);
    for (long h = 0; h < s.heads; ++h) log_decay[h] += steps.sum(h);
  }
}

template <class T>
void ssd_inside(const SsdShape& s, const SsdInput<T>& in, T* y) {
  Steps<T> steps(s, in.a_log);
  Array<T> scores(kBand * s.chunk), mixed(kBand * s.chunk);
  for (long index = 0; index < s.chunks(); ++index) {
    const Chunk chunk = chunk_of(s, index);
    steps.load(chunk, in.dt);
    for_each_heads(s, s.heads, [&](const Heads& heads) {
      inside(s, in, chunk, heads, steps, scores.data(), mixed.data(), y);
    });
  }
}

template <class T>
void ssd_finish(const SsdShape& s, const SsdInput<T>& in, const Precise<T>* initial,
                Precise<T>* states, T* y) {
  Steps<T> steps(s, in.a_log);
  Array<T> factors(s.heads * s.chunk);
  Array<T> seen(s.chunk * heads_at_once(s) * s.width);
  T* passing = states + s.chunks() * s.state_size();
  copy_or_clear(initial, s.state_size(), passing);
  for (long index = 0; index < s.chunks(); ++index) {
    const Chunk chunk = chunk_of(s, index);
    steps.load(chunk, in.dt);
    pass_state(s, steps.decays(), /*exchange=*/true, states + index * s.state_size(), passing);
    if (index == 0 && initial == nullptr) continue;
    steps.since_start(factors.data());
    for_each_heads(s, heads_at_once(s), [&](const Heads& heads) {
      const long columns = heads.count * s.width;
      multiply(chunk.count, columns, s.states, T{1}, group_of(s, chunk, heads.group, in.c),
               transposed(state_of<const T>(s, index, heads.first, states)), T{0},
               {seen.data(), columns});
      add_scaled_rows(s, heads, chunk.count, seen.data(), factors.data(),
                      y_of(s, chunk, heads.first, y));
    });
  }
}

#define TUTTI_INSTANTIATE(T)                                             \
  template void ssd_states(const SsdShape&, const SsdInput<T>&, T*, T*); \
  template void ssd_inside(const SsdShape&, const SsdInput<T>&, T*);     \
  template void ssd_finish(const SsdShape&, const SsdInput<T>&, const T*, T*, T*);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
