// The backward pass of ssd.h.
//
// What a token's decay is worth is the sum of all that crosses it: pairs of an earlier token and a
// later (or the same) one, inside the chunk or through states. It is summed as that, not as a
// difference of large numbers, so that float keeps its digits where decays are strong.

#include <algorithm>

#include "train/kernels/ssd.h"
#include "train/kernels/ssd_chunks.h"
#include "train/kernels/vectors.h"

namespace tutti::train {

using namespace ssd;

namespace {

// A band of rows of a head's triangle, [rows, first + rows] each but the last.
template <class T>
struct Band {
  long first = 0;
  long rows = 0;
  const T* scores = nullptr;    // C_i·B_j
  const T* products = nullptr;  // dy_i·x_j
  T* mixed = nullptr;           // becomes scores E, with E = exp(s_i - s_j)
  T* d_scores = nullptr;        // gains products dt_j E
  T* d_sums = nullptr;          // [chunk], the gradient of s: gains what pairs of two tokens make
};

template <class T>
TUTTI_INLINED void unmix_band(const Band<T>& band, const T* sums, const T* steps) {
  const int first = static_cast<int>(band.first);  // int: as wide as a float in a vector
  const int columns = first + static_cast<int>(band.rows);
  T* d_sums = band.d_sums;
  for (int i = first; i < columns; ++i) {
    const long at = long{i - first} * columns;
    const T* scores = band.scores + at;
    const T* products = band.products + at;
    T* mixed = band.mixed + at;
    T* d_scores = band.d_scores + at;
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

// Of a chunk and head.
template <class T>
struct Rows {
  Matrix<const T> x;
  Matrix<const T> dy;
  Matrix<T> dx;
};

// dx = dt dxd + D dy, where dxd = d(dt x) lies, with x·dxd of each row; answers the sum of dy·x.
template <class T>
TUTTI_INLINED T settle_rows(long count, long width, const T* steps, T d, const Rows<T>& rows,
                            T* x_dxd) {
  T sum = 0;
  for (long i = 0; i < count; ++i) {
    const T* x = rows.x.data + i * rows.x.stride;
    const T* dy = rows.dy.data + i * rows.dy.stride;
    T* dx = rows.dx.data + i * rows.dx.stride;
    const T step = steps[i];
    T dot = 0;
#pragma omp simd reduction(+ : sum, dot)
    for (long p = 0; p < width; ++p) {
      sum += dy[p] * x[p];
      dot += x[p] * dx[p];
      dx[p] = step * dx[p] + d * dy[p];
    }
    x_dxd[i] = dot;
  }
  return sum;
}

#define TUTTI_TRANSLATE(T)                                                                   \
  TUTTI_VECTORS void unmix(const Band<T>& band, const T* sums, const T* steps) {             \
    unmix_band(band, sums, steps);                                                           \
  }                                                                                          \
  TUTTI_VECTORS T product(long count, const T* a, const T* b) { return dot(count, a, b); }   \
  TUTTI_VECTORS void add_dotted(long rows, long width, const T* factors, Matrix<const T> in, \
                                Matrix<const T> other, Matrix<T> out, T* dots) {             \
    add_and_dot(rows, width, factors, in, other, out, dots);                                 \
  }                                                                                          \
  TUTTI_VECTORS T settle(long count, long width, const T* steps, T d, const Rows<T>& rows,   \
                         T* x_dxd) {                                                         \
    return settle_rows(count, width, steps, d, rows, x_dxd);                                 \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

// What needs no neighbour, chunk by chunk.
template <class T>
class Inside {
 public:
  Inside(const SsdShape& s, const SsdInput<T>& in, const T* dy, const SsdGradients<T>& out)
      : s_(s),
        in_(in),
        dy_(dy),
        out_(out),
        steps_(s, in.a_log),
        scores_(kBand * s.chunk),
        d_scores_(kBand * s.chunk),
        products_(kBand * s.chunk),
        mixed_(kBand * s.chunk),
        d_sums_(s.heads * s.chunk) {}

  void run(const Chunk& chunk) {
    steps_.load(chunk, in_.dt);
    d_sums_.clear();
    for_each_heads(s_, s_.heads, [&](const Heads& heads) {
      // The lowest band has all columns, so it comes first, and sets what the others add to.
      for_each_band_upwards(chunk.count,
                            [&](long first, long rows) { band(chunk, heads, first, rows); });
    });
    for (long n = 0; n < chunk.count * s_.heads; ++n) {
      out_.dt[chunk.first * s_.heads + n] = d_sums_[n % s_.heads * s_.chunk + n / s_.heads];
    }
  }

 private:
  void band(const Chunk& chunk, const Heads& heads, long first, long rows) {
    const long columns = first + rows;
    const T keep = columns == chunk.count ? 0 : 1;
    const auto b = group_of(s_, chunk, heads.group, in_.b);
    const auto c = from_row(group_of(s_, chunk, heads.group, in_.c), first);
    const Matrix<const T> d_scores{d_scores_.data(), columns};
    std::fill_n(d_scores_.data(), rows * columns, T{0});
    multiply(rows, columns, s_.states, T{1}, c, transposed(b), T{0}, {scores_.data(), columns});
    for (long h = heads.first; h < heads.first + heads.count; ++h) {
      const auto dy = from_row(y_of(s_, chunk, h, dy_), first);
      multiply(rows, columns, s_.width, T{1}, dy, transposed(x_of(s_, chunk, h, in_.x)), T{0},
               {products_.data(), columns});
      unmix({first, rows, scores_.data(), products_.data(), mixed_.data(), d_scores_.data(),
             d_sums_.data() + h * s_.chunk},
            steps_.sums(h), steps_.steps(h));
      multiply(columns, s_.width, rows, T{1}, {mixed_.data(), columns, true}, dy, keep,
               x_of(s_, chunk, h, out_.x));
    }
    multiply(rows, s_.states, columns, T{1}, d_scores, b, T{0},
             from_row(group_of(s_, chunk, heads.group, out_.c), first));
    multiply(columns, s_.states, rows, T{1}, transposed(d_scores), c, keep,
             group_of(s_, chunk, heads.group, out_.b));
  }

  const SsdShape& s_;
  const SsdInput<T>& in_;
  const T* dy_;
  const SsdGradients<T>& out_;
  Steps<T> steps_;
  Array<T> scores_, d_scores_, products_, mixed_;
  Array<T> d_sums_;  // [heads, chunk]
};

// What states know, chunk by chunk from the last to the first.
template <class T>
class Finish {
 public:
  Finish(const SsdShape& s, const SsdInput<T>& in, const SsdBackward<T>& back,
         const SsdGradients<T>& out)
      : s_(s),
        in_(in),
        back_(back),
        out_(out),
        steps_(s, in.a_log),
        factors_(s.heads * s.chunk),
        before_(s.heads * s.chunk),
        after_(s.heads * s.chunk),
        x_dxd_(s.chunk),
        room_(s.chunk * std::max(heads_at_once(s) * s.width, s.states)) {}

  // d_states[0] is the gradient that comes from behind the chunk, and goes on.
  void run(const Chunk& chunk) {
    steps_.load(chunk, in_.dt);
    pass_state(s_, steps_.decays(), /*exchange=*/true,
               back_.d_states + (chunk.index + 1) * s_.state_size(), back_.d_states);
    after_.clear();
    const bool last = chunk.index + 1 == s_.chunks();
    if (!last || back_.d_final != nullptr) from_state_after(chunk);
    from_state_before(chunk);
    for (long h = 0; h < s_.heads; ++h) settle_head(chunk, h);
  }

 private:
  // What the state after the chunk says of x, B and dt.
  void from_state_after(const Chunk& chunk) {
    const auto d_state = [&](const Heads& heads) {
      return state_of<const T>(s_, chunk.index + 1, heads.first, back_.d_states);
    };
    steps_.until_end(factors_.data());
    for_each_heads(s_, heads_at_once(s_), [&](const Heads& heads) {
      const long columns = heads.count * s_.width;
      multiply(chunk.count, columns, s_.states, T{1}, group_of(s_, chunk, heads.group, in_.b),
               transposed(d_state(heads)), T{0}, {room_.data(), columns});
      for (long h = heads.first; h < heads.first + heads.count; ++h) {
        add_dotted(chunk.count, s_.width, factors_.data() + h * s_.chunk,
                   {room_.data() + (h - heads.first) * s_.width, columns},
                   x_of(s_, chunk, h, in_.x), x_of(s_, chunk, h, out_.x),
                   after_.data() + h * s_.chunk);
      }
    });
    steps_.times_steps(after_.data());
    steps_.times_steps(factors_.data());
    for_each_heads(s_, heads_at_once(s_), [&](const Heads& heads) {
      const long columns = heads.count * s_.width;
      scale_rows(s_, heads, chunk.count, x_of(s_, chunk, heads.first, in_.x), factors_.data(),
                 room_.data());
      multiply(chunk.count, s_.states, columns, T{1}, {room_.data(), columns}, d_state(heads), T{1},
               group_of(s_, chunk, heads.group, out_.b));
    });
  }

  // What the state before the chunk says of C and dt.
  void from_state_before(const Chunk& chunk) {
    steps_.since_start(factors_.data());
    for_each_heads(s_, 1, [&](const Heads& head) {
      multiply(chunk.count, s_.states, s_.width, T{1}, y_of(s_, chunk, head.first, back_.dy),
               state_of(s_, chunk.index, head.first, back_.states), T{0},
               {room_.data(), s_.states});
      add_dotted(chunk.count, s_.states, factors_.data() + head.first * s_.chunk,
                 {room_.data(), s_.states}, group_of(s_, chunk, head.group, in_.c),
                 group_of(s_, chunk, head.group, out_.c), before_.data() + head.first * s_.chunk);
    });
  }

  // dx, ddt, dA and dD.
  void settle_head(const Chunk& chunk, long h) {
    out_.d[h] += settle(
        chunk.count, s_.width, steps_.steps(h), in_.d[h],
        {x_of(s_, chunk, h, in_.x), y_of(s_, chunk, h, back_.dy), x_of(s_, chunk, h, out_.x)},
        x_dxd_.data());
    find_crossings(chunk, h);
    const T* crossings = before_.data() + h * s_.chunk;
    T d_a = 0;
    for (long i = 0; i < chunk.count; ++i) {
      out_.dt[(chunk.first + i) * s_.heads + h] = x_dxd_[i] + steps_.a(h) * crossings[i];
      d_a += steps_.steps(h)[i] * crossings[i];
    }
    out_.a_log[h] += steps_.a(h) * d_a;
  }

  // before_ becomes what crosses each token: from earlier ones, or the state before the chunk, to
  // it or later ones, or the state after the chunk. out.dt is what Inside left.
  void find_crossings(const Chunk& chunk, long h) {
    T* before = before_.data() + h * s_.chunk;
    const T* after = after_.data() + h * s_.chunk;
    T later = steps_.decays()[h] *
              product(s_.width * s_.states, state_of(s_, chunk.index, h, back_.states).data,
                      state_of<const T>(s_, chunk.index + 1, h, back_.d_states).data);
    for (long i = chunk.count - 1; i >= 0; --i) {
      later += out_.dt[(chunk.first + i) * s_.heads + h] + before[i];
      before[i] = later;
    }
    T earlier = 0;
    for (long i = 0; i < chunk.count; ++i) {
      before[i] += earlier;
      earlier += after[i];
    }
  }

  const SsdShape& s_;
  const SsdInput<T>& in_;
  const SsdBackward<T>& back_;
  const SsdGradients<T>& out_;
  Steps<T> steps_;
  Array<T> factors_;
  // What states and tokens make of the gradient of s; [heads, chunk].
  Array<T> before_;  // of each token and the state before the chunk; then all that crosses it
  Array<T> after_;   // of each token and the state after it
  Array<T> x_dxd_;
  Array<T> room_;
};

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

}  // namespace

template <class T>
void ssd_backward_states(const SsdShape& s, const SsdInput<T>& in, const T* dy,
                         Precise<T>* d_states) {
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
  clear_unused(s, out.b);
  clear_unused(s, out.c);
  Inside<T> inside(s, in, dy, out);
  for (long index = 0; index < s.chunks(); ++index) inside.run(chunk_of(s, index));
}

template <class T>
void ssd_backward_finish(const SsdShape& s, const SsdInput<T>& in, const SsdBackward<T>& back,
                         const SsdGradients<T>& out) {
  copy_or_clear(back.d_final, s.state_size(), back.d_states);
  Finish<T> finish(s, in, back, out);
  for (long index = s.chunks() - 1; index >= 0; --index) finish.run(chunk_of(s, index));
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
