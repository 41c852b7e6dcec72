// The convolution of kernels/convolution.h on a device. A block has a tile of channels and tokens;
// a thread a pack of channels of a few tokens in a row, for which it reads the filter once.
//
// Tested by train_device_mamba_test.cc.

#pragma once

#include "train/device/launch.h"
#include "train/kernels/convolution.h"
#include "train/kernels/device/packs.h"

namespace tutti::train {

/// Tokens by channels; before the first token the halo, and zeros where there is nothing.
template <class S>
struct TokenRows {
  const S* first;
  const S* halo;
  long stride;
  long tokens;
  long channels;
  long before;  // rows of the halo

  template <int kWide>
  TUTTI_ON_DEVICE Floats<kWide> at(long token, long channel) const {
    if (token >= 0 && token < tokens) return load<kWide>(first + token * stride + channel);
    if (token >= 0 || halo == nullptr) return {};
    return load<kWide>(halo + (token + before) * channels + channel);
  }
};

/// What a block has.
template <int kWide>
struct ConvolutionTile {
  static constexpr int kPacks = 32;
  static constexpr long kChannels = kPacks * kWide;
  static constexpr int kRun = 4;  // tokens of a thread
  static constexpr long kTokens = 128;

  long channel;
  long token;

  TUTTI_ANYWHERE static long across(long channels) { return ceil_divide(channels, kChannels); }
  static long count(long tokens, long channels) {
    return ceil_divide(tokens, kTokens) * across(channels);
  }
  TUTTI_ON_DEVICE ConvolutionTile(const Block& block, long channels)
      : channel(block.index() % across(channels) * kChannels),
        token(block.index() / across(channels) * kTokens) {}

  /// f(first token, channel in the tile) of each thread.
  template <class Function>
  TUTTI_ON_DEVICE void each_run(const Block& block, long tokens, long channels, Function f) const {
    block.each(kPacks * (kTokens / kRun), [&](long item) {
      const long first = token + item / kPacks * kRun;
      const long of_tile = item % kPacks * kWide;
      if (first < tokens && channel + of_tile < channels) f(first, of_tile);
    });
  }
};

/// The filter of a tile's channels in shared memory: [taps, kChannels], then the biases.
template <class S, int kWide>
struct TileFilter {
  using Tile = ConvolutionTile<kWide>;

  const S* w;
  const S* b;  // null: zeros
  long taps;
  long channels;

  std::size_t bytes() const {
    return static_cast<std::size_t>((taps + 1) * Tile::kChannels) * sizeof(float);
  }
  TUTTI_ON_DEVICE void load_all(const Block& block, long channel, float* to) const {
    block.each((taps + 1) * Tile::kChannels, [&](long i) {
      const long k = i / Tile::kChannels;
      const long c = channel + i % Tile::kChannels;
      to[i] = c < channels ? number(k, c) : 0.0f;
    });
    block.meet();
  }
  TUTTI_ON_DEVICE float number(long k, long c) const {
    if (k < taps) return static_cast<float>(w[c * taps + k]);
    return b != nullptr ? static_cast<float>(b[c]) : 0.0f;
  }

  /// sums of tokens first, first + 1, … += w_0 row(first + from) + w_1 row(first + from + step) + …
  TUTTI_ON_DEVICE void add(const float* filter, const TokenRows<S>& rows, long first, long step,
                           long channel, Floats<kWide>* sums) const {
    for (long k = 0; k < taps; ++k, filter += Tile::kChannels) {
      const Floats<kWide> weights = load<kWide>(filter);
      TUTTI_UNROLLED for (int r = 0; r < Tile::kRun; ++r) {
        const Floats<kWide> row = rows.template at<kWide>(first + r + step * k, channel);
        TUTTI_UNROLLED for (int i = 0; i < kWide; ++i) sums[r].at[i] += weights.at[i] * row.at[i];
      }
    }
  }
};

/// y = silu(b + what a token sees); or, backward, dy becomes the gradient before silu.
template <class S, int kWide, bool kBackward>
struct Convolve {
  using Tile = ConvolutionTile<kWide>;
  static constexpr int kThreads = 256;

  TileFilter<S, kWide> filter;
  TokenRows<S> x;
  S* y;
  long y_stride;

  std::size_t shared_bytes() const { return filter.bytes(); }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const Tile tile(block, x.channels);
    float* const weights = block.shared<float>();
    filter.load_all(block, tile.channel, weights);
    tile.each_run(block, x.tokens, x.channels, [&](long first, long of_tile) {
      const long channel = tile.channel + of_tile;
      const Floats<kWide> bias = load<kWide>(weights + filter.taps * Tile::kChannels + of_tile);
      Floats<kWide> sums[Tile::kRun];
      TUTTI_UNROLLED for (int r = 0; r < Tile::kRun; ++r) sums[r] = bias;
      filter.add(weights + of_tile, x, first - x.before, 1, channel, sums);
      TUTTI_UNROLLED for (int r = 0; r < Tile::kRun; ++r) {
        if (first + r < x.tokens) finish(sums[r], y + (first + r) * y_stride + channel);
      }
    });
  }

 private:
  TUTTI_ON_DEVICE void finish(const Floats<kWide>& sums, S* to) const {
    Floats<kWide> result = {};
    if constexpr (kBackward) result = load<kWide>(to);
    TUTTI_UNROLLED for (int i = 0; i < kWide; ++i) {
      const float sum = sums.at[i];
      const float share = logistic(sum);
      if constexpr (kBackward) {
        result.at[i] *= share * (1 + sum * (1 - share));
      } else {
        result.at[i] = sum * share;
      }
    }
    store(result, to);
  }
};

/// dx of token s = sum_k w_k dy_{s+(K-1)-k}, dy before silu; of the halo's tokens too, unless
/// d_halo is null.
template <class S, int kWide>
struct ConvolveBackward {
  using Tile = ConvolutionTile<kWide>;
  static constexpr int kThreads = 256;

  TileFilter<S, kWide> filter;
  TokenRows<S> dy;  // without halo
  S* dx;
  long dx_stride;
  S* d_halo;

  long rows() const { return dy.tokens + first_row(); }
  TUTTI_ANYWHERE long first_row() const { return d_halo != nullptr ? dy.before : 0; }
  std::size_t shared_bytes() const { return filter.bytes(); }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const Tile tile(block, dy.channels);
    float* const weights = block.shared<float>();
    filter.load_all(block, tile.channel, weights);
    const long skipped = first_row();
    tile.each_run(block, dy.tokens + skipped, dy.channels, [&](long row, long of_tile) {
      const long channel = tile.channel + of_tile;
      const long first = row - skipped;
      Floats<kWide> sums[Tile::kRun] = {};
      filter.add(weights + of_tile, dy, first + dy.before, -1, channel, sums);
      TUTTI_UNROLLED for (int r = 0; r < Tile::kRun; ++r) {
        const long token = first + r;
        if (token >= dy.tokens) continue;
        store(sums[r], token >= 0 ? dx + token * dx_stride + channel
                                  : d_halo + (token + dy.before) * dy.channels + channel);
      }
    });
  }
};

/// parts [tiles of tokens, taps + 1, channels]: of dw, then of db.
template <class S, int kWide>
struct ConvolutionWeightParts {
  static constexpr int kThreads = 256;
  static constexpr int kPacks = 32;
  static constexpr long kChannels = kPacks * kWide;
  static constexpr int kRuns = 8;     // of tokens, in a tile
  static constexpr int kTokens = 32;  // in a run
  static constexpr int kTaps = 4;     // at once

  TokenRows<S> x;
  const S* dy;
  long dy_stride;
  float* parts;

  static long tiles(long tokens) { return ceil_divide(tokens, long{kRuns} * kTokens); }
  TUTTI_ANYWHERE long across() const { return ceil_divide(x.channels, kChannels); }
  std::size_t shared_bytes() const { return kRuns * (kTaps + 1) * kChannels * sizeof(float); }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long tile = block.index() / across();
    const long channel = block.index() % across() * kChannels;
    float* const of_runs = block.shared<float>();
    for (long tap = 0; tap <= x.before; tap += kTaps) {
      block.each(kPacks * kRuns, [&](long item) {
        const long of_tile = item % kPacks * kWide;
        if (channel + of_tile >= x.channels) return;
        const long run = item / kPacks;
        add_run((tile * kRuns + run) * kTokens, channel + of_tile, tap,
                of_runs + run * (kTaps + 1) * kChannels + of_tile);
      });
      block.meet();
      block.each((kTaps + 1) * kChannels, [&](long i) {
        const bool is_bias = i / kChannels == kTaps;
        const long k = is_bias ? x.before + 1 : tap + i / kChannels;
        const long c = channel + i % kChannels;
        if (c >= x.channels || (is_bias ? tap > 0 : k > x.before)) return;
        float sum = 0;
        for (int run = 0; run < kRuns; ++run) sum += of_runs[run * (kTaps + 1) * kChannels + i];
        parts[(tile * (x.before + 2) + k) * x.channels + c] = sum;
      });
      block.meet();
    }
  }

 private:
  // Taps from `tap` on, and of the bias.
  TUTTI_ON_DEVICE void add_run(long first, long channel, long tap, float* to) const {
    Floats<kWide> sums[kTaps + 1] = {};
    const long end = smaller(first + kTokens, x.tokens);
    for (long t = first; t < end; ++t) {
      const Floats<kWide> gradient = load<kWide>(dy + t * dy_stride + channel);
      TUTTI_UNROLLED for (int k = 0; k < kTaps; ++k) {
        const Floats<kWide> row = x.template at<kWide>(t - x.before + tap + k, channel);
        TUTTI_UNROLLED for (int i = 0; i < kWide; ++i) sums[k].at[i] += gradient.at[i] * row.at[i];
      }
      TUTTI_UNROLLED for (int i = 0; i < kWide; ++i) sums[kTaps].at[i] += gradient.at[i];
    }
    TUTTI_UNROLLED for (int k = 0; k <= kTaps; ++k) store(sums[k], to + k * kChannels);
  }
};

struct AddConvolutionWeights {
  static constexpr int kThreads = 256;

  long tiles;
  long taps;
  long channels;
  const float* parts;
  float* dw;
  float* db;  // null: not wanted

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long count = (taps + 1) * channels;
    block.each_of_all(count, [&](long i) {
      const long k = i / channels;
      const long c = i % channels;
      if (k == taps && db == nullptr) return;
      float sum = 0;
      for (long tile = 0; tile < tiles; ++tile) sum += parts[tile * count + i];
      (k == taps ? db[c] : dw[c * taps + k]) += sum;
    });
  }
};

}  // namespace tutti::train
