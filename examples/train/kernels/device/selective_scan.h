// The selective scan of kernels/selective_scan.h on a device. Chunks of tokens go in parallel, each
// from zero first; then states pass from chunk to chunk; then each chunk goes again from the state
// before it. A thread has all states of a channel, or a few of them. A block has the tokens of a
// chunk in shared memory, as floats, with a tile of channels.
//
// The backward pass: selective_scan_backward.h. Tested by train_device_mamba_test.cc.

#pragma once

#include "train/device/launch.h"
#include "train/kernels/device/packs.h"
#include "train/kernels/selective_scan.h"

namespace tutti::train {

constexpr int kScanStates = 16;  // that a thread, or a block, has at once
constexpr float kLog2E = 1.44269504f;

template <class S>
struct ScanData {
  ScanShape shape;
  const S* x;
  const float* delta;
  const S* b;
  const S* c;
  const float* a_log;
  const float* d;

  TUTTI_ON_DEVICE long state_size() const { return shape.channels * shape.states; }
  /// A, of a channel's state.
  TUTTI_ON_DEVICE float rate(long at) const { return -expf(a_log[at]); }
  /// What powers of two are taken of for decays: exp(delta A) = 2^(delta rate_of_two).
  TUTTI_ON_DEVICE float rate_of_two(long channel, long state) const {
    return state < shape.states ? rate(channel * shape.states + state) * kLog2E : 0.0f;
  }
};

/// Tokens of a chunk, and a tile of kChannels channels.
template <long kChannels>
struct ScanPiece {
  long chunk;
  long first;
  long tokens;
  long channel;
  long channels;  // fewer in the last tile

  TUTTI_ANYWHERE static long tiles(const ScanShape& s) {
    return ceil_divide(s.channels, kChannels);
  }
  TUTTI_ON_DEVICE ScanPiece(const ScanShape& s, long chunk, long tile)
      : chunk(chunk),
        first(chunk * s.chunk),
        tokens(smaller(s.chunk, s.tokens - first)),
        channel(tile * kChannels),
        channels(smaller(kChannels, s.channels - channel)) {}
};

/// to [rows, width] = from [given_rows, given_width], and zeros where it has nothing.
template <int kWide, class S>
TUTTI_ON_DEVICE void stage(const Block& block, int rows, int width, const S* from, long stride,
                           long given_rows, long given_width, float* to) {
  const int packs = width / kWide;
  block.each(long{rows} * packs, [&](long i) {
    const int row = static_cast<int>(i) / packs;
    const int column = static_cast<int>(i) % packs * kWide;
    Floats<kWide> numbers = {};
    if (row < given_rows && column < given_width) {
      numbers = load<kWide>(from + row * stride + column);
    }
    store(numbers, to + row * width + column);
  });
}

TUTTI_ANYWHERE long padded_states(const ScanShape& s) {
  return ceil_divide(s.states, kScanStates) * kScanStates;
}

enum class ScanPass {
  kParts,          // states [chunks, D, N]: what each chunk makes of zero; sums
  kOutput,         // y, from the states before each chunk
  kBackwardParts,  // states [chunks, D, N]: what each chunk's dy makes of the state before; sums
};

/// A thread has a channel.
template <class S, int kWide, ScanPass kPass>
struct ScanChunk {
  static constexpr int kThreads = 64;
  static constexpr long kChannels = 64;
  static constexpr bool kHasX = kPass != ScanPass::kBackwardParts;
  static constexpr bool kHasY = kPass != ScanPass::kParts;
  using Piece = ScanPiece<kChannels>;

  ScanData<S> data;
  float* states;
  float* sums;  // [chunks, D]: of delta
  S* y;         // kBackwardParts: dy, only read

  std::size_t shared_bytes() const {
    const long rows = 1 + kHasX + kHasY;
    const long matrices = kPass == ScanPass::kOutput ? 2 : 1;
    return static_cast<std::size_t>(data.shape.chunk *
                                    (rows * kChannels + matrices * padded_states(data.shape))) *
           sizeof(float);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long tiles = Piece::tiles(data.shape);
    const Piece piece(data.shape, block.index() / tiles, block.index() % tiles);
    const Shared shared = stage_all(block, piece);
    block.meet();
    block.each(piece.channels, [&](long i) { run(piece, shared, i); });
    if constexpr (kPass == ScanPass::kOutput) {
      block.meet();
      constexpr long kPacks = kChannels / kWide;
      block.each(piece.tokens * kPacks, [&](long i) {
        const long token = i / kPacks;
        const long column = i % kPacks * kWide;
        if (column >= piece.channels) return;
        store(load<kWide>(shared.y + token * kChannels + column),
              y + (piece.first + token) * data.shape.channels + piece.channel + column);
      });
    }
  }

 private:
  struct Shared {
    float* delta;
    float* x;
    float* y;
    float* b;
    float* c;
  };

  TUTTI_ON_DEVICE Shared stage_all(const Block& block, const Piece& piece) const {
    const ScanShape& s = data.shape;
    const int tokens = static_cast<int>(piece.tokens);
    const int padded = static_cast<int>(padded_states(s));
    float* next = block.shared<float>();
    const auto place = [&](bool is_there, long width) {
      float* const at = next;
      next += is_there ? s.chunk * width : 0;
      return at;
    };
    const Shared shared{place(true, kChannels), place(kHasX, kChannels), place(kHasY, kChannels),
                        place(kHasX, padded), place(kHasY, padded)};
    const auto stage_row = [&](const auto* from, long stride, float* to) {
      stage<kWide>(block, tokens, kChannels, from + piece.first * stride + piece.channel, stride,
                   tokens, piece.channels, to);
    };
    const auto stage_matrix = [&](const S* from, float* to) {
      stage<1>(block, tokens, padded, from + piece.first * s.matrix_stride, s.matrix_stride, tokens,
               s.states, to);
    };
    stage_row(data.delta, s.channels, shared.delta);
    if constexpr (kHasX) {
      stage_row(data.x, s.input_stride, shared.x);
      stage_matrix(data.b, shared.b);
    }
    if constexpr (kHasY) stage_matrix(data.c, shared.c);
    if constexpr (kPass == ScanPass::kBackwardParts) stage_row(y, s.channels, shared.y);
    return shared;
  }

  // The i-th channel of the piece.
  TUTTI_ON_DEVICE void run(const Piece& piece, const Shared& shared, long i) const {
    const long channel = piece.channel + i;
    const long padded = padded_states(data.shape);
    const float d = kPass == ScanPass::kOutput ? data.d[channel] : 0.0f;
    for (long first = 0; first < padded; first += kScanStates) {
      float* const state =
          states + piece.chunk * data.state_size() + channel * data.shape.states + first;
      const long count = smaller(kScanStates, data.shape.states - first);
      float rates[kScanStates], h[kScanStates];
      TUTTI_UNROLLED for (int n = 0; n < kScanStates; ++n) {
        rates[n] = data.rate_of_two(channel, first + n);
        h[n] = kPass == ScanPass::kOutput && n < count ? state[n] : 0.0f;
      }
      if constexpr (kPass == ScanPass::kBackwardParts) {
        for (long t = piece.tokens - 1; t >= 0; --t) go_back(shared, t, i, first, rates, h);
      } else {
        for (long t = 0; t < piece.tokens; ++t) go_on(shared, t, i, first, d, rates, h);
      }
      if constexpr (kPass != ScanPass::kOutput) {
        TUTTI_UNROLLED for (int n = 0; n < kScanStates; ++n) {
          if (n < count) state[n] = h[n];
        }
      }
    }
    if constexpr (kPass != ScanPass::kOutput) {
      float sum = 0;
      for (long t = 0; t < piece.tokens; ++t) sum += shared.delta[t * kChannels + i];
      sums[piece.chunk * data.shape.channels + channel] = sum;
    }
  }

  TUTTI_ON_DEVICE void go_on(const Shared& shared, long t, long i, long first, float d,
                             const float* rates, float* h) const {
    const long padded = padded_states(data.shape);
    const float delta = shared.delta[t * kChannels + i];
    const float x = shared.x[t * kChannels + i];
    const Floats<kScanStates> b = load<kScanStates>(shared.b + t * padded + first);
    TUTTI_UNROLLED for (int n = 0; n < kScanStates; ++n) {
      h[n] = power_of_two(delta * rates[n]) * h[n] + b.at[n] * (delta * x);
    }
    if constexpr (kPass == ScanPass::kOutput) {
      const Floats<kScanStates> c = load<kScanStates>(shared.c + t * padded + first);
      float* const out = shared.y + t * kChannels + i;
      float sum = 0;
      TUTTI_UNROLLED for (int n = 0; n < kScanStates; ++n) sum += c.at[n] * h[n];
      *out = sum + (first == 0 ? d * x : *out);
    }
  }

  TUTTI_ON_DEVICE void go_back(const Shared& shared, long t, long i, long first, const float* rates,
                               float* g) const {
    const float delta = shared.delta[t * kChannels + i];
    const float gradient = shared.y[t * kChannels + i];
    const Floats<kScanStates> c =
        load<kScanStates>(shared.c + t * padded_states(data.shape) + first);
    TUTTI_UNROLLED for (int n = 0; n < kScanStates; ++n) {
      g[n] = power_of_two(delta * rates[n]) * (g[n] + c.at[n] * gradient);
    }
  }
};

/// States [chunks + 1, D, N] go from chunk to chunk. Forward they have, after the first, what each
/// chunk makes of zero, and become the states before each chunk, then the last; backward the same
/// in reverse, with the parts of the chunks first.
template <class S>
struct PassScanStates {
  static constexpr int kThreads = 128;
  static constexpr int kAhead = 8;

  ScanData<S> data;
  long chunks;
  bool backward;
  const float* from;  // [D, N]; null: zeros
  const float* sums;
  float* states;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(data.state_size(), [&](long i) {
      const float rate = data.rate(i) * kLog2E;
      float state = from != nullptr ? from[i] : 0.0f;
      *place(0, i) = state;
      for (long first = 0; first < chunks; first += kAhead) {
        float parts[kAhead], decays[kAhead];
        TUTTI_UNROLLED for (int k = 0; k < kAhead; ++k) {
          if (first + k >= chunks) continue;
          parts[k] = *place(first + k + 1, i);
          decays[k] = sums[chunk(first + k) * data.shape.channels + i / data.shape.states];
        }
        TUTTI_UNROLLED for (int k = 0; k < kAhead; ++k) {
          if (first + k >= chunks) continue;
          state = power_of_two(rate * decays[k]) * state + parts[k];
          *place(first + k + 1, i) = state;
        }
      }
    });
  }

 private:
  // In the order in which they are passed.
  TUTTI_ON_DEVICE long chunk(long k) const { return backward ? chunks - 1 - k : k; }
  TUTTI_ON_DEVICE float* place(long k, long i) const {
    return states + (backward ? chunks - k : k) * data.state_size() + i;
  }
};

template <class S>
struct ScanDecays {
  static constexpr int kThreads = 128;

  ScanData<S> data;
  long chunks;
  const float* sums;
  float* log_decay;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(data.state_size(), [&](long i) {
      float sum = 0;
      for (long chunk = 0; chunk < chunks; ++chunk) {
        sum += sums[chunk * data.shape.channels + i / data.shape.states];
      }
      log_decay[i] = data.rate(i) * sum;
    });
  }
};

}  // namespace tutti::train
