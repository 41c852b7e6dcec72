// The backward pass of kernels/ssd.h on a device, besides products of matrices. How the gradients
// of decays are summed is said in kernels/ssd_backward.cc.
//
// Tested by train_device_mamba_test.cc.

#pragma once

#include "train/kernels/device/ssd.h"

namespace tutti::train {

/// Of some heads that share a group, a band of rows of their triangles: with E = exp(s_i - s_j),
///   mixed [heads, Q, Q] = scores E
///   d_scores [slices, Q, Q] = sums over kHeads heads of products dt_j E, with products dy_i·x_j
/// and of pairs of two tokens, products dt_j E scores, the sums of rows [heads, Q] and parts of
/// those of columns [bands, H, Q].
template <class S>
struct UnmixSsd {
  static constexpr int kThreads = 256;
  static constexpr long kRows = 16;
  static constexpr long kHeads = 8;
  static constexpr long kLanes = 16;  // that sum up a row

  SsdSteps steps;
  SsdBlock part;
  const float* scores;    // [Q, Q]
  const float* products;  // [heads, Q, Q]
  S* mixed;
  float* d_scores;
  float* rows;
  float* columns;  // of the first of the heads

  static long bands(long tokens) { return ceil_divide(tokens, kRows); }
  static long slices(long heads) { return ceil_divide(heads, kHeads); }
  long blocks() const { return slices(part.heads) * bands(part.tokens); }
  std::size_t shared_bytes() const {
    const long chunk = steps.shape.chunk;
    return static_cast<std::size_t>(kRows * (chunk + 1) + kRows * chunk + 2 * chunk +
                                    kRows * kLanes) *
           sizeof(float);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long chunk = steps.shape.chunk;
    const long bands = ceil_divide(part.tokens, kRows);
    const long slice = block.index() / bands;
    const long band = block.index() % bands;
    const Shared shared(block.shared<float>(), chunk);
    const long end = smaller(part.heads, (slice + 1) * kHeads);
    block.each(kRows * chunk, [&](long i) { shared.sums_of_heads[i] = 0; });
    for (long head = slice * kHeads; head < end; ++head) {
      block.each(part.tokens, [&](long i) {
        shared.sums[i] = steps.sums[steps.at(part.first + i, part.head + head)];
        shared.dt[i] = steps.dt[steps.at(part.first + i, part.head + head)];
      });
      block.meet();
      block.each(kRows * chunk, [&](long at) { unmix(shared, band, head, at); });
      block.meet();
      add_up(block, shared, band, head);
    }
    block.each(kRows * chunk, [&](long at) {
      const long i = band * kRows + at / chunk;
      if (i < part.tokens) {
        d_scores[(slice * chunk + i) * chunk + at % chunk] = shared.sums_of_heads[at];
      }
    });
  }

 private:
  struct Shared {
    float* pairs;          // [kRows, Q + 1]: neighbours in a column are in different banks
    float* sums_of_heads;  // [kRows, Q]
    float* sums;           // [Q]
    float* dt;             // [Q]
    float* lanes;          // [kRows, kLanes]

    TUTTI_ON_DEVICE Shared(float* memory, long chunk)
        : pairs(memory),
          sums_of_heads(pairs + kRows * (chunk + 1)),
          sums(sums_of_heads + kRows * chunk),
          dt(sums + chunk),
          lanes(dt + chunk) {}
  };

  TUTTI_ON_DEVICE void unmix(const Shared& shared, long band, long head, long at) const {
    const long chunk = steps.shape.chunk;
    const long i = band * kRows + at / chunk;
    const long j = at % chunk;
    float share = 0;
    float pair = 0;
    if (j <= i && i < part.tokens) {
      const float power = exponential_of(fminf(shared.sums[i] - shared.sums[j], 0.0f));
      const float score = scores[i * chunk + j];
      const float d_score = products[(head * chunk + i) * chunk + j] * shared.dt[j] * power;
      share = score * power;
      shared.sums_of_heads[at] += d_score;
      if (j < i) pair = d_score * score;
    }
    if (i < part.tokens) mixed[(head * chunk + i) * chunk + j] = static_cast<S>(share);
    shared.pairs[at / chunk * (chunk + 1) + j] = pair;
  }

  TUTTI_ON_DEVICE void add_up(const Block& block, const Shared& shared, long band,
                              long head) const {
    const long chunk = steps.shape.chunk;
    block.each(part.tokens, [&](long j) {
      float sum = 0;
      for (long r = 0; r < kRows; ++r) sum += shared.pairs[r * (chunk + 1) + j];
      columns[(band * steps.shape.heads + head) * chunk + j] = sum;
    });
    block.each(kRows * kLanes, [&](long at) {
      float sum = 0;
      for (long j = at % kLanes; j < part.tokens; j += kLanes) {
        sum += shared.pairs[at / kLanes * (chunk + 1) + j];
      }
      shared.lanes[at] = sum;
    });
    block.meet();
    block.each(kRows, [&](long r) {
      const long i = band * kRows + r;
      float sum = 0;
      for (long lane = 0; lane < kLanes; ++lane) sum += shared.lanes[r * kLanes + lane];
      if (i < part.tokens) rows[head * chunk + i] = sum;
    });
  }
};

/// to [tokens, Q] = the sum of parts [slices, Q, Q], rounded.
template <class S>
struct AddSsdScores {
  static constexpr int kThreads = 256;

  long slices;
  long tokens;
  long chunk;
  const float* parts;
  S* to;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(tokens * chunk, [&](long i) {
      float sum = 0;
      for (long slice = 0; slice < slices; ++slice) sum += parts[slice * chunk * chunk + i];
      to[i] = static_cast<S>(sum);
    });
  }
};

/// What pairs inside a chunk make of the gradient of s, [tokens, H] of the chunk.
struct AddSsdPairs {
  static constexpr int kThreads = 256;

  long tokens;
  long heads;
  long chunk;
  long bands;
  const float* rows;     // [H, Q]
  const float* columns;  // [bands, H, Q]
  float* d_sums;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(tokens * heads, [&](long i) {
      const long at = i % heads * chunk + i / heads;
      float sum = rows[at];
      for (long band = 0; band < bands; ++band) sum -= columns[band * heads * chunk + at];
      d_sums[i] = sum;
    });
  }
};

/// dots [chunks, H] = decay times the product of the state before a chunk with the gradient of that
/// after it.
template <int kWide>
struct SsdStateDots {
  static constexpr int kThreads = 256;

  SsdSteps steps;
  const float* states;    // [chunks + 1, H, P, N]
  const float* d_states;  // the same
  float* dots;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long size = steps.shape.width * steps.shape.states;
    const float* const before = states + block.index() * size;
    const float* const after = d_states + (block.index() + steps.shape.heads) * size;
    float sum = 0;
    block.each(size / kWide, [&](long pack) {
      const Floats<kWide> a = load<kWide>(before + pack * kWide);
      const Floats<kWide> b = load<kWide>(after + pack * kWide);
      for (int k = 0; k < kWide; ++k) sum += a.at[k] * b.at[k];
    });
    sum = block.sum(sum);
    const long chunk = block.index() / steps.shape.heads;
    const long head = block.index() % steps.shape.heads;
    if (block.thread() == 0) dots[block.index()] = exponential_of(steps.total(chunk, head)) * sum;
  }
};

/// States as products take them.
template <class S>
struct RoundSsdStates {
  static constexpr int kThreads = 256;

  long count;
  const float* states;
  S* rounded;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(count, [&](long i) { rounded[i] = static_cast<S>(states[i]); });
  }
};

/// [tokens, H] each: sums over a head's width.
struct SsdRowSums {
  float* before;  // of a token and the state before its chunk
  float* after;   // of a token and the state after it
  float* x_dxd;   // x times the gradient of dt x
  float* dy_x;
};

/// The gradient of x, and sums of a token's heads. A block has some heads of a token.
template <class S, int kWide>
struct SettleSsd {
  static constexpr int kThreads = 256;
  static constexpr long kPacks = 1024;  // at most, unless a head has more

  SsdSteps steps;
  const float* d;
  const S* x;
  const S* dy;
  const S* seen;       // [tokens, H, P]: state before the chunk C_t
  const S* remaining;  // [tokens, H, P]: gradient of the state after the chunk B_t
  S* dx;               // in: of dt x, of what is inside the chunk
  SsdRowSums sums;

  TUTTI_ANYWHERE long packs_of_head() const { return steps.shape.width / kWide; }
  TUTTI_ANYWHERE long heads_at_once() const {
    const long heads = kPacks / packs_of_head();
    return heads > 1 ? smaller(heads, steps.shape.heads) : 1;
  }
  TUTTI_ANYWHERE long across() const { return ceil_divide(steps.shape.heads, heads_at_once()); }
  long blocks() const { return steps.shape.tokens * across(); }
  std::size_t shared_bytes() const {
    return static_cast<std::size_t>(heads_at_once() * packs_of_head()) * sizeof(Floats<4>);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const SsdShape& s = steps.shape;
    const long token = block.index() / across();
    const long head = block.index() % across() * heads_at_once();
    const long heads = smaller(heads_at_once(), s.heads - head);
    auto* const of_packs = block.shared<Floats<4>>();
    block.each(heads * packs_of_head(),
               [&](long pack) { of_packs[pack] = settle(token, head * s.width + pack * kWide); });
    block.meet();
    block.each(heads, [&](long h) {
      Floats<4> sum = {};
      for (long pack = h * packs_of_head(); pack < (h + 1) * packs_of_head(); ++pack) {
        for (int k = 0; k < 4; ++k) sum.at[k] += of_packs[pack].at[k];
      }
      const long at = steps.at(token, head + h);
      sums.before[at] = sum.at[0] * steps.since_start(token, head + h);
      sums.after[at] = sum.at[1] * steps.until_end(token, head + h) * steps.dt[at];
      sums.x_dxd[at] = sum.at[2];
      sums.dy_x[at] = sum.at[3];
    });
  }

 private:
  TUTTI_ON_DEVICE Floats<4> settle(long token, long column) const {
    const SsdShape& s = steps.shape;
    const long head = column / s.width;
    const long at = token * s.heads * s.width + column;
    const float until_end = steps.until_end(token, head);
    const float dt = steps.dt[steps.at(token, head)];
    const float own = d[head];
    const Floats<kWide> of_x = load<kWide>(x + token * s.input_stride + column);
    const Floats<kWide> of_dy = load<kWide>(dy + at);
    const Floats<kWide> of_seen = load<kWide>(seen + at);
    const Floats<kWide> left = load<kWide>(remaining + at);
    S* const to = dx + token * s.input_stride + column;
    Floats<kWide> of_dx = load<kWide>(to);
    Floats<4> sum = {};
    for (int k = 0; k < kWide; ++k) {
      const float dxd = of_dx.at[k] + until_end * left.at[k];
      sum.at[0] += of_dy.at[k] * of_seen.at[k];
      sum.at[1] += of_x.at[k] * left.at[k];
      sum.at[2] += of_x.at[k] * dxd;
      sum.at[3] += of_dy.at[k] * of_x.at[k];
      of_dx.at[k] = dt * dxd + own * of_dy.at[k];
    }
    store(of_dx, to);
    return sum;
  }
};

/// The gradient of dt, from all that crosses a token; and of A and D, parts [chunks, H].
struct CrossSsd {
  static constexpr int kThreads = 256;
  static constexpr long kHeads = 16;
  static constexpr long kRow = kHeads + 1;

  SsdSteps steps;
  SsdRowSums sums;
  const float* dots;  // of SsdStateDots
  float* d_dt;        // in: d_sums of AddSsdPairs
  float* d_rates;
  float* d_d;

  long blocks() const { return steps.shape.chunks() * across(); }
  TUTTI_ANYWHERE long across() const { return ceil_divide(steps.shape.heads, kHeads); }
  std::size_t shared_bytes() const {
    return static_cast<std::size_t>(2 * steps.shape.chunk * kRow) * sizeof(float);
  }

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long chunk = block.index() / across();
    const long head = block.index() % across() * kHeads;
    const long heads = smaller(kHeads, steps.shape.heads - head);
    const long first = chunk * steps.shape.chunk;
    const long tokens = steps.last(chunk) + 1 - first;
    float* const crossing = block.shared<float>();
    float* const after = crossing + steps.shape.chunk * kRow;
    const auto each_number = [&](auto f) {  // f(where in room, where in [tokens, H], head)
      block.each(tokens * kHeads, [&](long i) {
        const long h = i % kHeads;
        if (h < heads) f(i / kHeads * kRow + h, steps.at(first + i / kHeads, head + h), head + h);
      });
    };
    each_number([&](long room, long at, long) {
      crossing[room] = d_dt[at] + sums.before[at];
      after[room] = sums.after[at];
    });
    block.meet();
    block.each(heads, [&](long h) {
      float later = dots[chunk * steps.shape.heads + head + h];
      for (long i = tokens - 1; i >= 0; --i) {
        later += crossing[i * kRow + h];
        crossing[i * kRow + h] = later;
      }
      float earlier = 0;
      for (long i = 0; i < tokens; ++i) {
        crossing[i * kRow + h] += earlier;
        earlier += after[i * kRow + h];
      }
    });
    block.meet();
    each_number([&](long room, long at, long h) {
      d_dt[at] = sums.x_dxd[at] + steps.rate(h) * crossing[room];
      crossing[room] *= steps.dt[at];
      after[room] = sums.dy_x[at];
    });
    block.meet();
    block.each(heads, [&](long h) {
      float d_rate = 0;
      float d_own = 0;
      for (long i = 0; i < tokens; ++i) {
        d_rate += crossing[i * kRow + h];
        d_own += after[i * kRow + h];
      }
      d_rates[chunk * steps.shape.heads + head + h] = d_rate;
      d_d[chunk * steps.shape.heads + head + h] = d_own;
    });
  }
};

/// d_a_log += d_rates A, d_d += …, of all chunks.
struct AddSsdHeads {
  static constexpr int kThreads = 128;

  SsdSteps steps;
  long chunks;
  const float* d_rates;
  const float* d_d_parts;
  float* d_a_log;
  float* d_d;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(steps.shape.heads, [&](long head) {
      float d_rate = 0;
      float d_own = 0;
      for (long chunk = 0; chunk < chunks; ++chunk) {
        d_rate += d_rates[chunk * steps.shape.heads + head];
        d_own += d_d_parts[chunk * steps.shape.heads + head];
      }
      d_a_log[head] += d_rate * steps.rate(head);
      d_d[head] += d_own;
    });
  }
};

/// Zero in groups from `first` to end-1, of matrices B and C alike.
template <class S>
struct ClearSsdGroups {
  static constexpr int kThreads = 256;

  SsdShape shape;
  long first;
  long end;
  S* d_b;
  S* d_c;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long width = (end - first) * shape.states;
    block.each_of_all(shape.tokens * width, [&](long i) {
      const long at = i / width * shape.matrix_stride + first * shape.states + i % width;
      d_b[at] = S{};
      d_c[at] = S{};
    });
  }
};

}  // namespace tutti::train
