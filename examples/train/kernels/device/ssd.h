// What the scan of kernels/ssd.h does on a device besides products of matrices: running sums of
// dt A, what they make of rows and of scores, and states that go from chunk to chunk.
//
// The backward pass: ssd_backward.h. Tested by train_device_mamba_test.cc.

#pragma once

#include "train/kernels/device/pack_rows.h"
#include "train/kernels/ssd.h"

namespace tutti::train {

/// Time steps, and the running sums s of dt A in each chunk: [tokens, H] both.
struct SsdSteps {
  SsdShape shape;
  const float* a_log;
  const float* dt;
  const float* sums;

  TUTTI_ON_DEVICE float rate(long head) const { return -expf(a_log[head]); }
  TUTTI_ON_DEVICE long at(long token, long head) const { return token * shape.heads + head; }
  TUTTI_ON_DEVICE long last(long chunk) const {
    return smaller((chunk + 1) * shape.chunk, shape.tokens) - 1;
  }
  /// Of all of a chunk's tokens.
  TUTTI_ON_DEVICE float total(long chunk, long head) const { return sums[at(last(chunk), head)]; }
  /// What becomes at a token of the state before its chunk.
  TUTTI_ON_DEVICE float since_start(long token, long head) const {
    return exponential_of(sums[at(token, head)]);
  }
  /// What is left at the end of a chunk of what a token adds.
  TUTTI_ON_DEVICE float until_end(long token, long head) const {
    return exponential_of(total(token / shape.chunk, head) - sums[at(token, head)]);
  }
};

/// A chunk's tokens of some heads, one thread a head.
struct SumSsdSteps {
  static constexpr int kThreads = 256;
  static constexpr long kHeads = 32;
  static constexpr long kRow = kHeads + 1;

  SsdSteps steps;
  float* sums;

  long blocks() const { return steps.shape.chunks() * across(); }
  TUTTI_ANYWHERE long across() const { return ceil_divide(steps.shape.heads, kHeads); }
  std::size_t shared_bytes() const {
    return static_cast<std::size_t>(steps.shape.chunk * kRow) * sizeof(float);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long chunk = block.index() / across();
    const long head = block.index() % across() * kHeads;
    const long heads = smaller(kHeads, steps.shape.heads - head);
    const long first = chunk * steps.shape.chunk;
    const long tokens = steps.last(chunk) + 1 - first;
    float* const room = block.shared<float>();
    block.each(tokens * kHeads, [&](long i) {
      const long h = i % kHeads;
      if (h < heads) {
        room[i / kHeads * kRow + h] = steps.dt[steps.at(first + i / kHeads, head + h)];
      }
    });
    block.meet();
    block.each(heads, [&](long h) {
      const float rate = steps.rate(head + h);
      float sum = 0;
      for (long i = 0; i < tokens; ++i) {
        sum += room[i * kRow + h] * rate;
        room[i * kRow + h] = sum;
      }
    });
    block.meet();
    block.each(tokens * kHeads, [&](long i) {
      const long h = i % kHeads;
      if (h < heads) {
        sums[steps.at(first + i / kHeads, head + h)] = room[i / kHeads * kRow + h];
      }
    });
  }
};

/// log_decay [H]
struct SsdDecays {
  static constexpr int kThreads = 128;

  SsdSteps steps;
  long chunks;
  float* log_decay;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(steps.shape.heads, [&](long head) {
      float sum = 0;
      for (long chunk = 0; chunk < chunks; ++chunk) sum += steps.total(chunk, head);
      log_decay[head] = sum;
    });
  }
};

enum class SsdFactor {
  kSinceStart,     // exp(s)
  kStepsUntilEnd,  // dt exp(s of the last token - s)
};

/// out [tokens, H, P] = in times a factor of each token and head.
template <class S, int kWide, SsdFactor kFactor>
struct ScaleSsdRows {
  static constexpr int kThreads = 256;

  SsdSteps steps;
  const S* in;
  long in_stride;
  S* out;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const SsdShape& s = steps.shape;
    each_pack<kWide>(block, s.tokens, s.heads * s.width, [&](long token, long column) {
      const long head = column / s.width;
      float factor = 0;
      if constexpr (kFactor == SsdFactor::kSinceStart) {
        factor = steps.since_start(token, head);
      } else {
        factor = steps.until_end(token, head) * steps.dt[steps.at(token, head)];
      }
      Floats<kWide> row = load<kWide>(in + token * in_stride + column);
      for (int k = 0; k < kWide; ++k) row.at[k] *= factor;
      store(row, out + token * s.heads * s.width + column);
    });
  }
};

/// y [tokens, H, P] += exp(s) seen + D x, where seen is what C_t sees of the state before its
/// chunk.
template <class S, int kWide>
struct FinishSsdRows {
  static constexpr int kThreads = 256;

  SsdSteps steps;
  const float* d;
  const S* x;
  const S* seen;
  S* y;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const SsdShape& s = steps.shape;
    each_pack<kWide>(block, s.tokens, s.heads * s.width, [&](long token, long column) {
      const long head = column / s.width;
      const long at = token * s.heads * s.width + column;
      const float factor = steps.since_start(token, head);
      const float own = d[head];
      const Floats<kWide> of_x = load<kWide>(x + token * s.input_stride + column);
      const Floats<kWide> of_seen = load<kWide>(seen + at);
      Floats<kWide> sum = load<kWide>(y + at);
      for (int k = 0; k < kWide; ++k) sum.at[k] += factor * of_seen.at[k] + own * of_x.at[k];
      store(sum, y + at);
    });
  }
};

/// states [chunks + 1, H, P, N] go from chunk to chunk: forward they are parts of the chunks, then
/// a place for the last; backward a place for the first, then the parts. That place is set to what
/// comes out at the end; kExchange: each part's to what comes into the chunk, and `rounded`
/// [chunks, H, P, N] (unless null) to that too.
template <class S, bool kExchange>
struct PassSsdStates {
  static constexpr int kThreads = 128;
  static constexpr int kAhead = 8;

  SsdSteps steps;
  long chunks;
  bool backward;
  const float* from;  // [H, P, N]; null: zeros
  float* states;
  S* rounded;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long of_head = steps.shape.width * steps.shape.states;
    const long size = steps.shape.heads * of_head;
    block.each_of_all(size, [&](long i) {
      float passing = from != nullptr ? from[i] : 0.0f;
      for (long first = 0; first < chunks; first += kAhead) {
        float parts[kAhead], decays[kAhead];
        TUTTI_UNROLLED for (int k = 0; k < kAhead; ++k) {
          if (first + k >= chunks) continue;
          parts[k] = states[slot(first + k) * size + i];
          decays[k] = steps.total(chunk(first + k), i / of_head);
        }
        TUTTI_UNROLLED for (int k = 0; k < kAhead; ++k) {
          if (first + k >= chunks) continue;
          if constexpr (kExchange) {
            states[slot(first + k) * size + i] = passing;
            if (rounded != nullptr) {
              rounded[chunk(first + k) * size + i] = static_cast<S>(passing);
            }
          }
          passing = exponential_of(decays[k]) * passing + parts[k];
        }
      }
      states[(backward ? 0 : chunks) * size + i] = passing;
    });
  }

 private:
  // The k-th that is passed.
  TUTTI_ON_DEVICE long chunk(long k) const { return backward ? chunks - 1 - k : k; }
  TUTTI_ON_DEVICE long slot(long k) const { return backward ? chunks - k : k; }
};

/// Tokens of a chunk, and heads that share a group.
struct SsdBlock {
  long first;
  long tokens;
  long head;
  long heads;
};

/// mixed [heads, Q, Q] = scores C_i·B_j [Q, Q] times exp(s_i - s_j) dt_j; zero where j > i.
template <class S, int kWide>
struct MixSsd {
  static constexpr int kThreads = 256;
  static constexpr long kRows = 32;

  SsdSteps steps;
  SsdBlock part;
  const float* scores;
  S* mixed;

  long blocks() const { return part.heads * bands(); }
  TUTTI_ANYWHERE long bands() const { return ceil_divide(part.tokens, kRows); }
  std::size_t shared_bytes() const {
    return static_cast<std::size_t>(2 * steps.shape.chunk) * sizeof(float);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long chunk = steps.shape.chunk;
    const long head = block.index() / bands();
    const long first = block.index() % bands() * kRows;
    float* const sums = block.shared<float>();
    float* const dt = sums + chunk;
    block.each(part.tokens, [&](long i) {
      sums[i] = steps.sums[steps.at(part.first + i, part.head + head)];
      dt[i] = steps.dt[steps.at(part.first + i, part.head + head)];
    });
    block.meet();
    const long packs = chunk / kWide;
    block.each(smaller(kRows, part.tokens - first) * packs, [&](long item) {
      const long i = first + item / packs;
      const long column = item % packs * kWide;
      Floats<kWide> row = {};
      if (column <= i) row = load<kWide>(scores + i * chunk + column);
      for (int k = 0; k < kWide; ++k) {
        const long j = column + k;
        if (j > i) {
          row.at[k] = 0;
        } else {
          row.at[k] *= dt[j] * exponential_of(fminf(sums[i] - sums[j], 0.0f));
        }
      }
      store(row, mixed + (head * chunk + i) * chunk + column);
    });
  }
};

}  // namespace tutti::train
