// Channels go through the scan in blocks: a block's numbers lie [states, kBlock], so that a vector
// has the same state of neighbouring channels, and sums over states need nothing across a vector.

#include "train/kernels/selective_scan.h"

#include <algorithm>
#include <cmath>

#include "train/array.h"
#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

constexpr long kBlock = 32;

// Some tokens, and some channels of each.
struct Piece {
  long first = 0;
  long tokens = 0;
  long channel = 0;
  long channels = 0;  // at most kBlock; the rest of the block is zero
};

template <class Function>
void for_each_block(const ScanShape& s, long chunk, Function f) {
  const long first = chunk * s.chunk;
  for (long channel = 0; channel < s.channels; channel += kBlock) {
    f(Piece{first, std::min(s.chunk, s.tokens - first), channel,
            std::min(kBlock, s.channels - channel)});
  }
}

template <class T>
void load_state(const ScanShape& s, const Piece& piece, const T* state, T* block) {
  std::fill_n(block, s.states * kBlock, T{0});
  for (long i = 0; i < piece.channels; ++i) {
    const T* from = state + (piece.channel + i) * s.states;
    for (long n = 0; n < s.states; ++n) block[n * kBlock + i] = from[n];
  }
}

template <class T>
void store_state(const ScanShape& s, const Piece& piece, const T* block, T* state) {
  for (long i = 0; i < piece.channels; ++i) {
    T* to = state + (piece.channel + i) * s.states;
    for (long n = 0; n < s.states; ++n) to[n] = block[n * kBlock + i];
  }
}

// A = -exp(A_log), all blocks one after the other.
template <class T>
Array<T> decay_rates(const ScanShape& s, const T* a_log) {
  Array<T> rates((s.channels + kBlock - 1) / kBlock * kBlock * s.states);
  for_each_block(s, 0, [&](const Piece& piece) {
    T* block = rates.data() + piece.channel * s.states;
    load_state(s, piece, a_log, block);
    for (long i = 0; i < s.states * kBlock; ++i) block[i] = -std::exp(block[i]);
  });
  return rates;
}

// Numbers of a token in a block.
template <class T>
struct Row {
  alignas(64) T at[kBlock];

  Row() = default;
  TUTTI_INLINED Row(const T* from, long channels) {
    if (channels == kBlock) {
      for (long i = 0; i < kBlock; ++i) at[i] = from[i];
    } else {
      for (long i = 0; i < kBlock; ++i) at[i] = i < channels ? from[i] : T{0};
    }
  }
  TUTTI_INLINED void store(T* to, long channels) const {
    if (channels == kBlock) {
      for (long i = 0; i < kBlock; ++i) to[i] = at[i];
    } else {
      for (long i = 0; i < channels; ++i) to[i] = at[i];
    }
  }
};

// Where a token of a piece has its numbers.
template <class T>
struct Token {
  Row<T> x, delta, gain;
  const T* b;
  const T* c;

  TUTTI_INLINED Token(const ScanShape& s, const ScanInput<T>& in, const Piece& piece, long t)
      : x(in.x + t * s.input_stride + piece.channel, piece.channels),
        delta(in.delta + t * s.channels + piece.channel, piece.channels),
        b(in.b + t * s.matrix_stride),
        c(in.c + t * s.matrix_stride) {
    for (long i = 0; i < kBlock; ++i) gain.at[i] = delta.at[i] * x.at[i];
  }
};

// `h`, a block, through the tokens of a piece. y null: states only.
template <class T>
TUTTI_INLINED void forward(const ScanShape& s, const ScanInput<T>& in, const Piece& piece,
                           const T* a, T* h, T* y) {
  const Row<T> d(in.d + piece.channel, piece.channels);
  for (long t = piece.first; t < piece.first + piece.tokens; ++t) {
    const Token<T> token(s, in, piece, t);
    Row<T> out;
    for (long i = 0; i < kBlock; ++i) out.at[i] = d.at[i] * token.x.at[i];
    for (long n = 0; n < s.states; ++n) {
      const T b = token.b[n];
      const T c = token.c[n];
      const T* rate = a + n * kBlock;
      T* state = h + n * kBlock;
#pragma GCC ivdep
      for (long i = 0; i < kBlock; ++i) {
        state[i] = exponential(token.delta.at[i] * rate[i]) * state[i] + b * token.gain.at[i];
        out.at[i] += c * state[i];
      }
    }
    if (y != nullptr) out.store(y + t * s.channels + piece.channel, piece.channels);
  }
}

// g, a block of gradients of the state after the piece, becomes that of the state before it.
template <class T>
TUTTI_INLINED void backward_state(const ScanShape& s, const ScanInput<T>& in, const Piece& piece,
                                  const T* a, const T* dy, T* g) {
  for (long t = piece.first + piece.tokens - 1; t >= piece.first; --t) {
    const Row<T> delta(in.delta + t * s.channels + piece.channel, piece.channels);
    const Row<T> gradient(dy + t * s.channels + piece.channel, piece.channels);
    for (long n = 0; n < s.states; ++n) {
      const T c = in.c[t * s.matrix_stride + n];
      const T* rate = a + n * kBlock;
      T* state = g + n * kBlock;
#pragma GCC ivdep
      for (long i = 0; i < kBlock; ++i) {
        state[i] = exponential(delta.at[i] * rate[i]) * (state[i] + c * gradient.at[i]);
      }
    }
  }
}

// What the backward pass knows of a chunk, a block after the other.
template <class T>
struct History {
  explicit History(const ScanShape& s)
      : h((s.chunk + 1) * s.states * kBlock),
        decay(s.chunk * s.states * kBlock),
        g(s.states * kBlock),
        d_a(s.states * kBlock),
        d_b(s.chunk * s.states * kBlock),
        d_c(s.chunk * s.states * kBlock) {}

  Array<T> h;         // before the first token, then after each
  Array<T> decay;     // of each token: exp(delta A)
  Array<T> g, d_a;    // a block each
  Array<T> d_b, d_c;  // of each token and state, not yet added up along the block
};

template <class T>
TUTTI_INLINED void recompute(const ScanShape& s, const ScanInput<T>& in, const Piece& piece,
                             const T* a, History<T>& history) {
  const long size = s.states * kBlock;
  T* h = history.h.data();
  T* decay = history.decay.data();
  for (long t = piece.first; t < piece.first + piece.tokens; ++t, h += size, decay += size) {
    const Token<T> token(s, in, piece, t);
    for (long n = 0; n < s.states; ++n) {
      const T b = token.b[n];
#pragma GCC ivdep
      for (long i = 0; i < kBlock; ++i) {
        const long at = n * kBlock + i;
        decay[at] = exponential(token.delta.at[i] * a[at]);
        h[size + at] = decay[at] * h[at] + b * token.gain.at[i];
      }
    }
  }
}

// Through the states of a token, the k-th of the piece, with dy of it. d_gain: of delta x.
template <class T>
TUTTI_INLINED void back_through_states(const ScanShape& s, const Token<T>& token, long k,
                                       const T* a, const Row<T>& dy, History<T>& history,
                                       Row<T>& d_gain, Row<T>& d_delta) {
  const long size = s.states * kBlock;
  const T* before = history.h.data() + k * size;
  const T* decay = history.decay.data() + k * size;
  T* d_b = history.d_b.data() + k * size;
  T* d_c = history.d_c.data() + k * size;
  T* d_a = history.d_a.data();
  T* g = history.g.data();
  for (long n = 0; n < s.states; ++n) {
    const T b = token.b[n];
    const T c = token.c[n];
#pragma GCC ivdep
    for (long i = 0; i < kBlock; ++i) {
      const long at = n * kBlock + i;
      const T d_state = g[at] + c * dy.at[i];
      const T faded = d_state * decay[at];
      const T d_power = faded * before[at];  // of delta A
      d_c[at] += dy.at[i] * before[size + at];
      d_b[at] += d_state * token.gain.at[i];
      d_gain.at[i] += d_state * b;
      d_delta.at[i] += d_power * a[at];
      d_a[at] += d_power * token.delta.at[i];
      g[at] = faded;
    }
  }
}

// From the last token of the piece to the first.
template <class T>
TUTTI_INLINED void backward(const ScanShape& s, const ScanInput<T>& in, const Piece& piece,
                            const T* a, const T* dy, History<T>& history,
                            const ScanGradients<T>& out) {
  const Row<T> d(in.d + piece.channel, piece.channels);
  Row<T> d_d(out.d + piece.channel, piece.channels);
  for (long k = piece.tokens - 1; k >= 0; --k) {
    const long t = piece.first + k;
    const Token<T> token(s, in, piece, t);
    const Row<T> gradient(dy + t * s.channels + piece.channel, piece.channels);
    Row<T> d_gain{}, d_delta{}, dx;
    back_through_states(s, token, k, a, gradient, history, d_gain, d_delta);
    for (long i = 0; i < kBlock; ++i) {
      d_d.at[i] += gradient.at[i] * token.x.at[i];
      dx.at[i] = d.at[i] * gradient.at[i] + d_gain.at[i] * token.delta.at[i];
      d_delta.at[i] += d_gain.at[i] * token.x.at[i];
    }
    dx.store(out.x + t * s.input_stride + piece.channel, piece.channels);
    d_delta.store(out.delta + t * s.channels + piece.channel, piece.channels);
  }
  d_d.store(out.d + piece.channel, piece.channels);
}

// Along the block.
template <class T>
TUTTI_INLINED void add_up(const ScanShape& s, long first, long tokens, const T* lanes, T* d_b) {
  for (long t = first; t < first + tokens; ++t) {
    for (long n = 0; n < s.states; ++n, lanes += kBlock) {
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (long i = 0; i < kBlock; ++i) sum += lanes[i];
      d_b[t * s.matrix_stride + n] = sum;
    }
  }
}

#define TUTTI_TRANSLATE(T)                                                                        \
  TUTTI_VECTORS void run_forward(const ScanShape& s, const ScanInput<T>& in, const Piece& piece,  \
                                 const T* a, T* h, T* y) {                                        \
    forward(s, in, piece, a, h, y);                                                               \
  }                                                                                               \
  TUTTI_VECTORS void run_backward_state(const ScanShape& s, const ScanInput<T>& in,               \
                                        const Piece& piece, const T* a, const T* dy, T* g) {      \
    backward_state(s, in, piece, a, dy, g);                                                       \
  }                                                                                               \
  TUTTI_VECTORS void run_backward(const ScanShape& s, const ScanInput<T>& in, const Piece& piece, \
                                  const T* a, const T* dy, History<T>& history,                   \
                                  const ScanGradients<T>& out) {                                  \
    recompute(s, in, piece, a, history);                                                          \
    backward(s, in, piece, a, dy, history, out);                                                  \
  }                                                                                               \
  TUTTI_VECTORS void run_add_up(const ScanShape& s, long first, long tokens, const T* lanes,      \
                                T* d_b) {                                                         \
    add_up(s, first, tokens, lanes, d_b);                                                         \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

// d_a_log += d_a A
template <class T>
void add_rates(const ScanShape& s, const Piece& piece, const T* a, const T* d_a, T* d_a_log) {
  for (long n = 0; n < s.states; ++n) {
    for (long i = 0; i < piece.channels; ++i) {
      const long at = n * kBlock + i;
      d_a_log[(piece.channel + i) * s.states + n] += d_a[at] * a[at];
    }
  }
}

}  // namespace

template <class T>
void scan_state(const ScanShape& s, const ScanInput<T>& in, Precise<T>* final,
                Precise<T>* log_decay) {
  const Array<T> rates = decay_rates(s, in.a_log);
  Array<T> h(s.states * kBlock);
  std::fill_n(final, s.state_size(), T{0});
  for (long chunk = 0; chunk < s.chunks(); ++chunk) {
    for_each_block(s, chunk, [&](const Piece& piece) {
      load_state<T>(s, piece, final, h.data());
      run_forward(s, in, piece, rates.data() + piece.channel * s.states, h.data(), nullptr);
      store_state<T>(s, piece, h.data(), final);
    });
  }
  Array<T> sums(s.channels);  // of delta
  sums.clear();
  for (long t = 0; t < s.tokens; ++t) {
    for (long d = 0; d < s.channels; ++d) sums[d] += in.delta[t * s.channels + d];
  }
  for (long i = 0; i < s.state_size(); ++i) {
    log_decay[i] = -std::exp(in.a_log[i]) * sums[i / s.states];
  }
}

template <class T>
void scan(const ScanShape& s, const ScanInput<T>& in, const Precise<T>* initial, T* y,
          Precise<T>* states) {
  const Array<T> rates = decay_rates(s, in.a_log);
  Array<T> h(s.states * kBlock);
  copy_or_clear(initial, s.state_size(), states);
  for (long chunk = 0; chunk < s.chunks(); ++chunk, states += s.state_size()) {
    for_each_block(s, chunk, [&](const Piece& piece) {
      load_state<T>(s, piece, states, h.data());
      run_forward(s, in, piece, rates.data() + piece.channel * s.states, h.data(), y);
      store_state<T>(s, piece, h.data(), states + s.state_size());
    });
  }
}

template <class T>
void scan_backward_state(const ScanShape& s, const ScanInput<T>& in, const T* dy,
                         Precise<T>* d_initial) {
  const Array<T> rates = decay_rates(s, in.a_log);
  Array<T> g(s.states * kBlock);
  std::fill_n(d_initial, s.state_size(), T{0});
  for (long chunk = s.chunks() - 1; chunk >= 0; --chunk) {
    for_each_block(s, chunk, [&](const Piece& piece) {
      load_state<T>(s, piece, d_initial, g.data());
      run_backward_state(s, in, piece, rates.data() + piece.channel * s.states, dy, g.data());
      store_state<T>(s, piece, g.data(), d_initial);
    });
  }
}

template <class T>
void scan_backward(const ScanShape& s, const ScanInput<T>& in, const ScanBackward<T>& back,
                   const ScanGradients<T>& out, Precise<T>* d_initial) {
  const Array<T> rates = decay_rates(s, in.a_log);
  History<T> history(s);
  copy_or_clear(back.d_final, s.state_size(), d_initial);
  for (long chunk = s.chunks() - 1; chunk >= 0; --chunk) {
    history.d_b.clear();
    history.d_c.clear();
    for_each_block(s, chunk, [&](const Piece& piece) {
      const T* a = rates.data() + piece.channel * s.states;
      load_state(s, piece, back.states + chunk * s.state_size(), history.h.data());
      load_state<T>(s, piece, d_initial, history.g.data());
      history.d_a.clear();
      run_backward(s, in, piece, a, back.dy, history, out);
      store_state<T>(s, piece, history.g.data(), d_initial);
      add_rates(s, piece, a, history.d_a.data(), out.a_log);
    });
    const long first = chunk * s.chunk;
    const long tokens = std::min(s.chunk, s.tokens - first);
    run_add_up(s, first, tokens, history.d_b.data(), out.b);
    run_add_up(s, first, tokens, history.d_c.data(), out.c);
  }
}

// Rates of all channels, and a History.
long scan_backward_room(const ScanShape& s) {
  const long blocks = (s.channels + kBlock - 1) / kBlock;
  return (blocks + 4 * s.chunk + 3) * s.states * kBlock;
}

#define TUTTI_INSTANTIATE(T)                                                                 \
  template void scan_state(const ScanShape&, const ScanInput<T>&, T*, T*);                   \
  template void scan(const ScanShape&, const ScanInput<T>&, const T*, T*, T*);               \
  template void scan_backward_state(const ScanShape&, const ScanInput<T>&, const T*, T*);    \
  template void scan_backward(const ScanShape&, const ScanInput<T>&, const ScanBackward<T>&, \
                              const ScanGradients<T>&, T*);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
