// The backward pass of ssd.h.
//
// What a token's decay is worth is the sum of all that crosses it: pairs of an earlier token and a
// later (or the same) one, inside the chunk or through states. It is summed as that, not as a
// difference of large numbers, so that float keeps its digits where decays are strong.

#include <algorithm>
#include <utility>

#include "train/kernels/ssd.h"
#include "train/kernels/ssd_chunks.h"
#include "train/kernels/vectors.h"

namespace tutti::train {

using namespace ssd;

namespace {

// With E = exp(s_i - s_j): scores become scores E, d_scores += (dy_i·x_j) dt_j E, and d_sums, the
// gradient of s, gains what pairs of two tokens make of it.
template <class T>
TUTTI_INLINED void unmix_band(long first, long rows, const T* sums, const T* steps, const T* scores,
                              const T* products, T* mixed, T* d_scores, T* d_sums) {
  const int columns = static_cast<int>(first + rows);  // int: as wide as a float in a vector
  for (int i = static_cast<int>(first); i < columns; ++i) {
    const T sum = sums[i];
    T row = 0;
#pragma omp simd reduction(+ : row)
    for (int j = 0; j < columns; ++j) {
      const T past = sum - sums[j];
      const T power = exponential(past < 0 ? past : T{0});
      const T share = j <= i ? power : T{0};
      const T d_score = products[j] * steps[j] * share;
      mixed[j] = scores[j] * share;
      d_scores[j] += d_score;
      const T pair = j < i ? d_score * scores[j] : T{0};
      row += pair;
      d_sums[j] -= pair;
    }
    d_sums[i] += row;
    scores += columns;
    products += columns;
    mixed += columns;
    d_scores += columns;
  }
}

template <class T>
TUTTI_INLINED T dot(long count, const T* a, const T* b) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (long i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// Row by row: out += factor in, and dots = factor in·other of a head.
template <class T>
TUTTI_INLINED void add_and_dot(long rows, long width, const T* factors, Matrix<const T> in,
                               Matrix<const T> other, Matrix<T> out, T* dots) {
  for (long i = 0; i < rows; ++i) {
    const T factor = factors[i];
    const T* row = in.data + i * in.stride;
    T* to = out.data + i * out.stride;
    dots[i] = factor * dot(width, row, other.data + i * other.stride);
#pragma GCC ivdep
    for (long p = 0; p < width; ++p) to[p] += factor * row[p];
  }
}

// What states make of the gradient of s; [heads, chunk], each 0 where there is no state.
template <class T>
struct Crossings {
  Array<T> before;  // of a token, with the state before the chunk
  Array<T> after;   // with the state after it

  explicit Crossings(const SsdShape& s) : before(s.heads * s.chunk), after(s.heads * s.chunk) {}
};

// dx of a token and head, where dxd = d(dt x) lies; answers dy·x and x·dxd.
template <class T>
TUTTI_INLINED std::pair<T, T> settle(long width, T step, T d, const T* x, const T* dy, T* dx) {
  T dy_x = 0, x_dxd = 0;
#pragma omp simd reduction(+ : dy_x, x_dxd)
  for (long p = 0; p < width; ++p) {
    dy_x += dy[p] * x[p];
    x_dxd += x[p] * dx[p];
    dx[p] = step * dx[p] + d * dy[p];
  }
  return {dy_x, x_dxd};
}

// dx, ddt, dA and dD of a head and chunk. `through`: what passes all of its tokens.
template <class T>
TUTTI_INLINED void settle_head(const SsdShape& s, const Chunk& chunk, long h, const SsdInput<T>& in,
                               const T* dy, T a, T through, Crossings<T>& crossings,
                               const SsdGradients<T>& out) {
  const T* before = crossings.before.data() + h * s.chunk;
  T* after = crossings.after.data() + h * s.chunk;
  T earlier = 0;
  for (long i = 0; i < chunk.count; ++i) earlier += std::exchange(after[i], earlier);
  T later = through;
  T d_a = 0, d_d = 0;
  for (long i = chunk.count - 1; i >= 0; --i) {
    const long t = chunk.first + i;
    const long x_at = t * s.input_stride + h * s.width;
    const long at = t * s.heads + h;
    const auto [dy_x, x_dxd] =
        settle(s.width, in.dt[at], in.d[h], in.x + x_at, dy + at * s.width, out.x + x_at);
    later += out.dt[at] + before[i];
    const T crossing = later + after[i];
    out.dt[at] = x_dxd + a * crossing;
    d_a += in.dt[at] * crossing;
    d_d += dy_x;
  }
  out.a_log[h] += a * d_a;
  out.d[h] += d_d;
}

template <class T>
TUTTI_INLINED void settle_heads(const SsdShape& s, const Chunk& chunk, const Steps<T>& steps,
                                const SsdInput<T>& in, const SsdBackward<T>& back,
                                Crossings<T>& crossings, const SsdGradients<T>& out) {
  for (long h = 0; h < s.heads; ++h) {
    const T* before = state_of(s, chunk.index, h, back.states).data;
    const T* after = state_of<const T>(s, chunk.index + 1, h, back.d_states).data;
    const T through = steps.decays()[h] * dot(s.width * s.states, before, after);
    settle_head(s, chunk, h, in, back.dy, steps.a(h), through, crossings, out);
  }
}

#define TUTTI_TRANSLATE(T)                                                                        \
  TUTTI_VECTORS void unmix(long first, long rows, const T* sums, const T* steps, const T* scores, \
                           const T* products, T* mixed, T* d_scores, T* d_sums) {                 \
    unmix_band(first, rows, sums, steps, scores, products, mixed, d_scores, d_sums);              \
  }                                                                                               \
  TUTTI_VECTORS void add_dotted(long rows, long width, const T* factors, Matrix<const T> in,      \
                                Matrix<const T> other, Matrix<T> out, T* dots) {                  \
    add_and_dot(rows, width, factors, in, other, out, dots);                                      \
  }                                                                                               \
  TUTTI_VECTORS void settle_chunk(const SsdShape& s, const Chunk& chunk, const Steps<T>& steps,   \
                                  const SsdInput<T>& in, const SsdBackward<T>& back,              \
                                  Crossings<T>& crossings, const SsdGradients<T>& out) {          \
    settle_heads(s, chunk, steps, in, back, crossings, out);                                      \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

// A band of scores and the like.
template <class T>
struct Bands {
  explicit Bands(const SsdShape& s)
      : scores(kBand * s.chunk),
        d_scores(kBand * s.chunk),
        products(kBand * s.chunk),
        mixed(kBand * s.chunk),
        d_sums(s.heads * s.chunk) {}
  Array<T> scores, d_scores, products, mixed;
  Array<T> d_sums;  // [heads, chunk]
};

// Of the heads that share a group, in one chunk. The lowest band has all columns, so it comes
// first, and sets what the others add to.
template <class T>
void inside(const SsdShape& s, const SsdInput<T>& in, const Chunk& chunk, const Heads& heads,
            const Steps<T>& steps, const T* dy, Bands<T>& bands, const SsdGradients<T>& out) {
  const auto b = group_of(s, chunk, heads.group, in.b);
  const auto c = group_of(s, chunk, heads.group, in.c);
  for_each_band_upwards(chunk.count, [&](long first, long rows) {
    const long columns = first + rows;
    const T keep = columns == chunk.count ? 0 : 1;
    const Matrix<const T> mixed{bands.mixed.data(), columns};
    const Matrix<const T> d_scores{bands.d_scores.data(), columns};
    bands.d_scores.fill(0);
    multiply(rows, columns, s.states, T{1}, from_row(c, first), transposed(b), T{0},
             {bands.scores.data(), columns});
    for (long h = heads.first; h < heads.first + heads.count; ++h) {
      const auto dy_rows = from_row(y_of(s, chunk, h, dy), first);
      multiply(rows, columns, s.width, T{1}, dy_rows, transposed(x_of(s, chunk, h, in.x)), T{0},
               {bands.products.data(), columns});
      unmix(first, rows, steps.sums(h), steps.steps(h), bands.scores.data(), bands.products.data(),
            bands.mixed.data(), bands.d_scores.data(), bands.d_sums.data() + h * s.chunk);
      multiply(columns, s.width, rows, T{1}, transposed(mixed), dy_rows, keep,
               x_of(s, chunk, h, out.x));
    }
    multiply(rows, s.states, columns, T{1}, d_scores, b, T{0},
             from_row(group_of(s, chunk, heads.group, out.c), first));
    multiply(columns, s.states, rows, T{1}, transposed(d_scores), from_row(c, first), keep,
             group_of(s, chunk, heads.group, out.b));
  });
}

// Zero in the groups that no head here uses.
template <class T>
void clear_unused(const SsdShape& s, T* d_matrix) {
  const long first = s.first_head / s.heads_per_group;
  const long last = (s.first_head + s.heads - 1) / s.heads_per_group;
  for (long t = 0; t < s.tokens; ++t, d_matrix += s.matrix_stride) {
    std::fill_n(d_matrix, first * s.states, T{0});
    std::fill(d_matrix + (last + 1) * s.states, d_matrix + s.groups * s.states, T{0});
  }
}

// What the state after the chunk says of x, B and dt.
template <class T>
void from_state_after(const SsdShape& s, const SsdInput<T>& in, const Chunk& chunk,
                      const Steps<T>& steps, const T* d_states, T* factors, T* room, T* crossings,
                      const SsdGradients<T>& out) {
  steps.until_end(factors);
  for_each_heads(s, heads_at_once(s), [&](const Heads& heads) {
    const long columns = heads.count * s.width;
    multiply(chunk.count, columns, s.states, T{1}, group_of(s, chunk, heads.group, in.b),
             transposed(state_of(s, chunk.index + 1, heads.first, d_states)), T{0},
             {room, columns});
    for (long h = heads.first; h < heads.first + heads.count; ++h) {
      add_dotted(chunk.count, s.width, factors + h * s.chunk,
                 {room + (h - heads.first) * s.width, columns}, x_of(s, chunk, h, in.x),
                 x_of(s, chunk, h, out.x), crossings + h * s.chunk);
    }
  });
  steps.times_steps(crossings);
  steps.times_steps(factors);
  for_each_heads(s, heads_at_once(s), [&](const Heads& heads) {
    const long columns = heads.count * s.width;
    scale_rows(s, heads, chunk.count, x_of(s, chunk, heads.first, in.x), factors, room);
    multiply(chunk.count, s.states, columns, T{1}, {room, columns},
             state_of(s, chunk.index + 1, heads.first, d_states), T{1},
             group_of(s, chunk, heads.group, out.b));
  });
}

// What the state before the chunk says of C and dt.
template <class T>
void from_state_before(const SsdShape& s, const SsdInput<T>& in, const Chunk& chunk,
                       const Steps<T>& steps, const SsdBackward<T>& back, T* factors, T* room,
                       T* crossings, T* d_c) {
  steps.since_start(factors);
  for_each_heads(s, s.heads, [&](const Heads& heads) {
    for (long h = heads.first; h < heads.first + heads.count; ++h) {
      multiply(chunk.count, s.states, s.width, T{1}, y_of(s, chunk, h, back.dy),
               state_of(s, chunk.index, h, back.states), T{0}, {room, s.states});
      add_dotted(chunk.count, s.states, factors + h * s.chunk, {room, s.states},
                 group_of(s, chunk, heads.group, in.c), group_of(s, chunk, heads.group, d_c),
                 crossings + h * s.chunk);
    }
  });
}

}  // namespace

template <class T>
void ssd_backward_states(const SsdShape& s, const SsdInput<T>& in, const T* dy, T* d_states) {
  Steps<T> steps(s, in.a_log);
  Array<T> factors(s.heads * s.chunk);
  Array<T> weighted(s.chunk * heads_at_once(s) * s.width);
  std::fill_n(d_states, s.state_size(), T{0});
  for (long index = s.chunks() - 1; index >= 0; --index) {
    const Chunk chunk = chunk_of(s, index);
    steps.load(chunk, in.dt);
    steps.since_start(factors.data());
    for_each_heads(s, heads_at_once(s), [&](const Heads& heads) {
      const long columns = heads.count * s.width;
      scale_rows(s, heads, chunk.count, y_of(s, chunk, heads.first, dy), factors.data(),
                 weighted.data());
      multiply(columns, s.states, chunk.count, T{1}, {weighted.data(), columns, true},
               group_of(s, chunk, heads.group, in.c), T{0},
               state_of(s, index + 1, heads.first, d_states));
    });
    pass_state(s, steps.decays(), /*exchange=*/false, d_states + (index + 1) * s.state_size(),
               d_states);
  }
}

template <class T>
void ssd_backward_inside(const SsdShape& s, const SsdInput<T>& in, const T* dy,
                         const SsdGradients<T>& out) {
  Steps<T> steps(s, in.a_log);
  Bands<T> bands(s);
  clear_unused(s, out.b);
  clear_unused(s, out.c);
  for (long index = 0; index < s.chunks(); ++index) {
    const Chunk chunk = chunk_of(s, index);
    steps.load(chunk, in.dt);
    bands.d_sums.fill(0);
    for_each_heads(s, s.heads,
                   [&](const Heads& heads) { inside(s, in, chunk, heads, steps, dy, bands, out); });
    for (long n = 0; n < chunk.count * s.heads; ++n) {
      out.dt[chunk.first * s.heads + n] = bands.d_sums[n % s.heads * s.chunk + n / s.heads];
    }
  }
}

template <class T>
void ssd_backward_finish(const SsdShape& s, const SsdInput<T>& in, const SsdBackward<T>& back,
                         const SsdGradients<T>& out) {
  Steps<T> steps(s, in.a_log);
  Array<T> factors(s.heads * s.chunk);
  Array<T> room(s.chunk * std::max(heads_at_once(s) * s.width, s.states));
  Crossings<T> crossings(s);
  T* passing = back.d_states;
  if (back.d_final == nullptr) {
    std::fill_n(passing, s.state_size(), T{0});
  } else {
    std::copy_n(back.d_final, s.state_size(), passing);
  }
  for (long index = s.chunks() - 1; index >= 0; --index) {
    const Chunk chunk = chunk_of(s, index);
    steps.load(chunk, in.dt);
    pass_state(s, steps.decays(), /*exchange=*/true, back.d_states + (index + 1) * s.state_size(),
               passing);
    crossings.after.fill(0);
    if (index + 1 < s.chunks() || back.d_final != nullptr) {
      from_state_after<T>(s, in, chunk, steps, back.d_states, factors.data(), room.data(),
                          crossings.after.data(), out);
    }
    from_state_before(s, in, chunk, steps, back, factors.data(), room.data(),
                      crossings.before.data(), out.c);
    settle_chunk(s, chunk, steps, in, back, crossings, out);
  }
}

#define TUTTI_INSTANTIATE(T)                                                                    \
  template void ssd_backward_states(const SsdShape&, const SsdInput<T>&, const T*, T*);         \
  template void ssd_backward_inside(const SsdShape&, const SsdInput<T>&, const T*,              \
                                    const SsdGradients<T>&);                                    \
  template void ssd_backward_finish(const SsdShape&, const SsdInput<T>&, const SsdBackward<T>&, \
                                    const SsdGradients<T>&);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
