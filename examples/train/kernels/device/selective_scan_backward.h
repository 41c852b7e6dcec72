// The backward pass of the selective scan on a device, chunks in parallel: the states before them
// are kept, and the gradients of those after them have been passed on. A block goes through some
// tiles of channels; in each, a thread has four states of a channel. It goes forward through the
// chunk first, and notes every eighth state; then backwards, eight tokens at a time.
//
// Tested by train_device_mamba_test.cc.

#pragma once

#include "train/kernels/device/selective_scan.h"

namespace tutti::train {

template <class S, int kWide>
struct ScanBackwardChunk {
  static constexpr int kThreads = 128;
  static constexpr int kChannels = 32;
  static constexpr int kOwn = 4;  // states of a thread
  static constexpr int kOwners = kScanStates / kOwn;
  static constexpr int kTokens = 8;            // at once
  static constexpr int kLane = kChannels + 1;  // so that threads with neighbouring states differ in
                                               // their banks of memory
  using Piece = ScanPiece<kChannels>;

  ScanData<S> data;
  long slices;  // blocks of a chunk
  const S* dy;
  const float* states;    // [chunks + 1, D, N]: before each chunk
  const float* d_states;  // the same, of gradients
  S* dx;
  float* d_delta;
  float* d_matrices;  // [slices, tokens, 2, N]: parts of the gradients of B and C
  float* d_rates;     // [chunks, D, N]: of the gradient of A
  float* d_d;         // [chunks, D]

  TUTTI_ANYWHERE int rows() const {
    return static_cast<int>(ceil_divide(data.shape.chunk, kTokens) * kTokens);
  }
  /// Whether states go in several groups.
  TUTTI_ANYWHERE bool has_groups() const { return data.shape.states > kScanStates; }
  std::size_t shared_bytes() const {
    const long of_rows =
        (3 + 2 * has_groups()) * kChannels + 2 * kScanStates + kScanStates * kChannels / kTokens;
    const long others = 2 * kScanStates * kChannels + 2 * kTokens * kScanStates * kLane +
                        2 * kTokens * kOwners * kChannels;
    return static_cast<std::size_t>(rows() * of_rows + others) * sizeof(float);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const Shared shared(block.shared<float>(), rows(), has_groups());
    const long slice = block.index() % slices;
    const long chunk = block.index() / slices;
    for (long tile = slice; tile < Piece::tiles(data.shape); tile += slices) {
      const Piece piece(data.shape, chunk, tile);
      stage_rows(block, piece, shared);
      for (long state = 0; state < data.shape.states; state += kScanStates) {
        go_back(block, piece, shared, slice, state, tile == slice);
      }
      add_skipped(block, piece, shared);
      block.meet();
    }
  }

 private:
  struct Shared {
    float *x, *delta, *dy;  // [rows, kChannels]
    float *b, *c;           // [rows, kScanStates]
    float* noted;           // [rows / kTokens, kScanStates, kChannels]: states
    float *g, *d_a;         // [kScanStates, kChannels]: of the state, of A
    float *d_b, *d_c;       // [kTokens, kScanStates, kLane], not yet added up
    // Of gradients of delta x, and of delta through decays: parts [kTokens, kOwners, kChannels],
    // and [rows, kChannels] of groups of states so far, where there are several.
    float *part_gain, *part_step, *d_gain, *d_step;

    TUTTI_ON_DEVICE Shared(float* memory, int rows, bool has_groups) {
      const auto next = [&](long count) {
        float* const at = memory;
        memory += count;
        return at;
      };
      for (float** row : {&x, &delta, &dy}) *row = next(rows * kChannels);
      for (float** row : {&b, &c}) *row = next(rows * kScanStates);
      noted = next(rows / kTokens * kScanStates * kChannels);
      for (float** state : {&g, &d_a}) *state = next(kScanStates * kChannels);
      for (float** part : {&part_gain, &part_step}) *part = next(kTokens * kOwners * kChannels);
      for (float** sum : {&d_b, &d_c}) *sum = next(kTokens * kScanStates * kLane);
      for (float** sum : {&d_gain, &d_step}) *sum = next(has_groups ? rows * kChannels : 0);
    }
  };

  // A thread's channel in the piece, and its first state in the group.
  struct Own {
    int channel;
    int owner;
    TUTTI_ON_DEVICE explicit Own(long item)
        : channel(static_cast<int>(item) % kChannels), owner(static_cast<int>(item) / kChannels) {}
    TUTTI_ON_DEVICE int state(int k) const { return owner * kOwn + k; }
    TUTTI_ON_DEVICE int at(int k) const { return state(k) * kChannels + channel; }
  };

  TUTTI_ON_DEVICE void stage_rows(const Block& block, const Piece& piece,
                                  const Shared& shared) const {
    const ScanShape& s = data.shape;
    const auto stage_row = [&](const auto* from, long stride, float* to) {
      stage<kWide>(block, rows(), kChannels, from + piece.first * stride + piece.channel, stride,
                   piece.tokens, piece.channels, to);
    };
    stage_row(data.x, s.input_stride, shared.x);
    stage_row(data.delta, s.channels, shared.delta);
    stage_row(dy, s.channels, shared.dy);
  }

  // Through kScanStates states from that one.
  TUTTI_ON_DEVICE void go_back(const Block& block, const Piece& piece, const Shared& shared,
                               long slice, long state, bool first_tile) const {
    const ScanShape& s = data.shape;
    for (const bool is_c : {false, true}) {
      stage<1>(block, rows(), kScanStates,
               (is_c ? data.c : data.b) + piece.first * s.matrix_stride + state, s.matrix_stride,
               piece.tokens, s.states - state, is_c ? shared.c : shared.b);
    }
    block.meet();
    block.each(kChannels * kOwners, [&](long i) { note(piece, shared, state, Own(i)); });
    for (int first = rows() - kTokens; first >= 0; first -= kTokens) {
      block.each(kChannels * kOwners,
                 [&](long i) { step_back(piece, shared, state, first, Own(i)); });
      block.meet();
      add_up(block, piece, shared, slice, state, first, first_tile);
      block.meet();
    }
    block.each(kScanStates * kChannels, [&](long i) {
      const long n = state + i % kScanStates;
      const long channel = i / kScanStates;
      if (n >= s.states || channel >= piece.channels) return;
      d_rates[piece.chunk * data.state_size() + (piece.channel + channel) * s.states + n] =
          shared.d_a[i % kScanStates * kChannels + channel];
    });
    block.meet();
  }

  TUTTI_ON_DEVICE bool has(const Piece& piece, long state, const Own& own, int k) const {
    return own.channel < piece.channels && state + own.state(k) < data.shape.states;
  }
  // Zero where there is no such channel or state: then nothing comes of it.
  TUTTI_ON_DEVICE float rate(const Piece& piece, long state, const Own& own, int k) const {
    if (!has(piece, state, own, k)) return 0;
    return data.rate_of_two(piece.channel + own.channel, state + own.state(k));
  }

  // Forward: notes states before every eighth token; sets g and d_a.
  TUTTI_ON_DEVICE void note(const Piece& piece, const Shared& shared, long state,
                            const Own& own) const {
    float rates[kOwn], h[kOwn];
    TUTTI_UNROLLED for (int k = 0; k < kOwn; ++k) {
      const long at = piece.chunk * data.state_size() +
                      (piece.channel + own.channel) * data.shape.states + state + own.state(k);
      const bool is_there = has(piece, state, own, k);
      rates[k] = rate(piece, state, own, k);
      h[k] = is_there ? states[at] : 0.0f;
      shared.g[own.at(k)] = is_there ? d_states[at + data.state_size()] : 0.0f;
      shared.d_a[own.at(k)] = 0;
    }
    for (int t = 0; t < rows(); ++t) {
      if (t % kTokens == 0) {
        float* const to = shared.noted + t / kTokens * kScanStates * kChannels;
        TUTTI_UNROLLED for (int k = 0; k < kOwn; ++k) to[own.at(k)] = h[k];
      }
      const float delta = shared.delta[t * kChannels + own.channel];
      const float gain = delta * shared.x[t * kChannels + own.channel];
      const Floats<kOwn> b = load<kOwn>(shared.b + t * kScanStates + own.state(0));
      TUTTI_UNROLLED for (int k = 0; k < kOwn; ++k) {
        h[k] = power_of_two(delta * rates[k]) * h[k] + b.at[k] * gain;
      }
    }
  }

  // kTokens tokens: forward from the state noted, then backward.
  TUTTI_ON_DEVICE void step_back(const Piece& piece, const Shared& shared, long state, int first,
                                 const Own& own) const {
    float rates[kOwn], g[kOwn], d_a[kOwn];
    float h[kTokens + 1][kOwn], decay[kTokens][kOwn];
    TUTTI_UNROLLED for (int k = 0; k < kOwn; ++k) {
      rates[k] = rate(piece, state, own, k);
      g[k] = shared.g[own.at(k)];
      d_a[k] = shared.d_a[own.at(k)];
      h[0][k] = shared.noted[first / kTokens * kScanStates * kChannels + own.at(k)];
    }
    TUTTI_UNROLLED for (int t = 0; t < kTokens; ++t) {
      const float delta = shared.delta[(first + t) * kChannels + own.channel];
      const float gain = delta * shared.x[(first + t) * kChannels + own.channel];
      const Floats<kOwn> b = load<kOwn>(shared.b + (first + t) * kScanStates + own.state(0));
      TUTTI_UNROLLED for (int k = 0; k < kOwn; ++k) {
        decay[t][k] = power_of_two(delta * rates[k]);
        h[t + 1][k] = decay[t][k] * h[t][k] + b.at[k] * gain;
      }
    }
    TUTTI_UNROLLED for (int t = kTokens - 1; t >= 0; --t) {
      const int row = (first + t) * kChannels + own.channel;
      const float delta = shared.delta[row];
      const float gain = delta * shared.x[row];
      const float gradient = shared.dy[row];
      const Floats<kOwn> b = load<kOwn>(shared.b + (first + t) * kScanStates + own.state(0));
      const Floats<kOwn> c = load<kOwn>(shared.c + (first + t) * kScanStates + own.state(0));
      float d_gain = 0;
      float d_step = 0;
      TUTTI_UNROLLED for (int k = 0; k < kOwn; ++k) {
        const float d_state = g[k] + c.at[k] * gradient;
        const float faded = d_state * decay[t][k];
        const float d_power = faded * h[t][k];  // of delta A
        const int at = (t * kScanStates + own.state(k)) * kLane + own.channel;
        shared.d_b[at] = d_state * gain;
        shared.d_c[at] = gradient * h[t + 1][k];
        d_gain += d_state * b.at[k];
        d_step += d_power * rates[k];
        d_a[k] += d_power * delta;
        g[k] = faded;
      }
      shared.part_gain[(t * kOwners + own.owner) * kChannels + own.channel] = d_gain;
      shared.part_step[(t * kOwners + own.owner) * kChannels + own.channel] = d_step / kLog2E;
    }
    TUTTI_UNROLLED for (int k = 0; k < kOwn; ++k) {
      shared.g[own.at(k)] = g[k];
      shared.d_a[own.at(k)] = d_a[k];
    }
  }

  // What threads have of kTokens tokens: over channels for B and C, over states for x and delta.
  TUTTI_ON_DEVICE void add_up(const Block& block, const Piece& piece, const Shared& shared,
                              long slice, long state, int first, bool first_tile) const {
    const ScanShape& s = data.shape;
    block.each(2 * kTokens * kScanStates, [&](long i) {
      const bool is_c = i >= kTokens * kScanStates;
      const int at = static_cast<int>(i) % (kTokens * kScanStates);
      const long token = first + at / kScanStates;
      const long n = state + at % kScanStates;
      if (token >= piece.tokens || n >= s.states) return;
      const float* const lanes = (is_c ? shared.d_c : shared.d_b) + at * kLane;
      float* const to =
          d_matrices + ((slice * s.tokens + piece.first + token) * 2 + is_c) * s.states + n;
      float sum = first_tile ? 0.0f : *to;
      for (int c = 0; c < kChannels; ++c) sum += lanes[c];
      *to = sum;
    });
    block.each(kTokens * kChannels,
               [&](long i) { finish(piece, shared, state, first, static_cast<int>(i)); });
  }

  // dx and d_delta, or what they are made of, of one token and channel.
  TUTTI_ON_DEVICE void finish(const Piece& piece, const Shared& shared, long state, int first,
                              int i) const {
    const ScanShape& s = data.shape;
    const int at = first * kChannels + i;
    float d_gain = state > 0 ? shared.d_gain[at] : 0.0f;
    float d_step = state > 0 ? shared.d_step[at] : 0.0f;
    for (int owner = 0; owner < kOwners; ++owner) {
      const int part = (i / kChannels * kOwners + owner) * kChannels + i % kChannels;
      d_gain += shared.part_gain[part];
      d_step += shared.part_step[part];
    }
    if (state + kScanStates < s.states) {
      shared.d_gain[at] = d_gain;
      shared.d_step[at] = d_step;
      return;
    }
    const long token = at / kChannels;
    const long channel = piece.channel + i % kChannels;
    if (token >= piece.tokens || i % kChannels >= piece.channels) return;
    const float d = data.d[channel];
    dx[(piece.first + token) * s.input_stride + channel] =
        static_cast<S>(d * shared.dy[at] + d_gain * shared.delta[at]);
    d_delta[(piece.first + token) * s.channels + channel] = d_step + d_gain * shared.x[at];
  }

  // This chunk's part of the gradient of D.
  TUTTI_ON_DEVICE void add_skipped(const Block& block, const Piece& piece,
                                   const Shared& shared) const {
    block.each(piece.channels, [&](long c) {
      float sum = 0;
      for (long t = 0; t < piece.tokens; ++t) {
        sum += shared.dy[t * kChannels + c] * shared.x[t * kChannels + c];
      }
      d_d[piece.chunk * data.shape.channels + piece.channel + c] = sum;
    });
  }
};

/// The gradients of B and C.
template <class S>
struct AddScanMatrices {
  static constexpr int kThreads = 128;

  ScanShape shape;
  long slices;
  const float* parts;  // d_matrices of ScanBackwardChunk
  S* d_b;
  S* d_c;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long count = shape.tokens * 2 * shape.states;
    block.each_of_all(count, [&](long i) {
      float sum = 0;
      for (long slice = 0; slice < slices; ++slice) sum += parts[slice * count + i];
      const long row = i / shape.states;  // of B, then of C, of each token
      S* const to = (row % 2 == 0 ? d_b : d_c) + row / 2 * shape.matrix_stride;
      to[i % shape.states] = static_cast<S>(sum);
    });
  }
};

/// d_a_log += d_a A, of all chunks.
template <class S>
struct AddScanRates {
  static constexpr int kThreads = 128;

  ScanData<S> data;
  long chunks;
  const float* parts;  // d_rates of ScanBackwardChunk
  float* d_a_log;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(data.state_size(), [&](long i) {
      float sum = 0;
      for (long chunk = 0; chunk < chunks; ++chunk) sum += parts[chunk * data.state_size() + i];
      d_a_log[i] += sum * data.rate(i);
    });
  }
};

}  // namespace tutti::train
