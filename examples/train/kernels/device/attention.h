// Kernels of attention (kernels/attention.h) on a device. A block keeps a tile of queries, or of
// keys, and lets the tiles of what it meets pass by, as in
//
//   Dao, "FlashAttention-2", 2023
//
// but that the backward pass computes scores twice, once for queries and once for keys: then each
// gradient has one block, which adds in one order.
//
// Tested by train_device_attention_test.cc.

#pragma once

#include "train/kernels/attention.h"
#include "train/kernels/device/gpu_thread.h"
#include "train/kernels/device/packs.h"
#include "train/kernels/device/tensor_tiles.h"
#include "train/kernels/device/tiles.h"

namespace tutti::train {

/// Queries of one piece, and keys of another. Counts are `int`, of which GPUs have more registers.
template <class S>
struct AttendPieces {
  int heads = 0;       // HeadShape
  int head_share = 1;  // heads of queries that look at one of keys
  int width = 0;
  float scale = 1;  // of scores
  int query_stride = 0;
  int key_stride = 0;

  int queries = 0;
  int keys = 0;
  int ahead = 0;  // of the first key, the first query; less than 0 where it is before
  const S* q = nullptr;
  const S* k = nullptr;
  const S* v = nullptr;

  /// How many of the keys a query sees: the first ones.
  TUTTI_ANYWHERE int seen(int query) const {
    const int count = ahead + query + 1;
    return count < 0 ? 0 : count < keys ? count : keys;
  }
  /// How many any of `rows` queries sees.
  TUTTI_ANYWHERE int seen_of(int first, int rows) const {
    return seen((first + rows < queries ? first + rows : queries) - 1);
  }
  /// The first query that sees a key, if any.
  TUTTI_ANYWHERE int first_to_see(int key) const { return key < ahead ? 0 : key - ahead; }

  TUTTI_ANYWHERE long query_at(int query, int head) const {
    return long{query} * query_stride + head * width;
  }
  TUTTI_ANYWHERE long key_at(int key, int kv_head) const {
    return long{key} * key_stride + kv_head * width;
  }
  TUTTI_ANYWHERE long row_at(int query, int head) const { return long{query} * heads + head; }

  TUTTI_ANYWHERE TileRows<const S> query_rows(int first, int head) const {
    return {q + query_at(first, head), query_stride, queries - first, width};
  }
  /// Of the keys, or of the values.
  TUTTI_ANYWHERE TileRows<const S> key_rows(const S* of, int first, int kv_head) const {
    return {of + key_at(first, kv_head), key_stride, keys - first, width};
  }
  /// Of [queries, heads, width].
  TUTTI_ANYWHERE TileRows<const S> result_rows(const S* of, int first, int head) const {
    return {of + row_at(first, head) * width, heads * width, queries - first, width};
  }
};

template <class S>
AttendPieces<S> pieces_of(const HeadShape& shape, Tokens queries, const OnDevice<S>* q, Tokens keys,
                          const OnDevice<S>* k, const OnDevice<S>* v) {
  const auto small = [](long number) { return static_cast<int>(number); };
  return {small(shape.heads),
          small(shape.heads / shape.kv_heads),
          small(shape.width),
          1 / std::sqrt(static_cast<float>(shape.width)),
          small(shape.query_stride),
          small(shape.key_stride),
          small(queries.count),
          small(keys.count),
          small(queries.position - keys.position),
          plain(q),
          plain(k),
          plain(v)};
}

/// What attend() works on.
template <class S>
struct AttendWork {
  AttendPieces<S> pieces;
  float* out = nullptr;
  float* most = nullptr;
  float* sum = nullptr;
};

/// What attend_backward() works on.
template <class S>
struct AttendBackwardWork {
  AttendPieces<S> pieces;
  const S* d_out = nullptr;
  const float* log_sum = nullptr;
  const float* delta = nullptr;
  float* dq = nullptr;
  float* dk = nullptr;
  float* dv = nullptr;
};

namespace attention {

inline constexpr float kLog2E = 1.44269504f;
// Less than every score, and yet a number: differences of two are numbers.
inline constexpr float kLeast = std::numeric_limits<float>::lowest();
inline constexpr float kUnseen = -std::numeric_limits<float>::infinity();

TUTTI_ON_DEVICE float power_of_two(float x) {
#ifdef __CUDACC__
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  return std::exp2(x);
#endif
}

// The softmax so far of each row that a thread holds: the largest score, and the part of the sum of
// exponentials that the thread has seen.
template <class Tiles>
struct Softmax {
  float most[Tiles::kRowsHeld];
  float sum[Tiles::kRowsHeld];
};

// Where a row that a thread holds lies in [queries, heads]; -1 where there is no such query.
template <class S, class Tiles>
TUTTI_ON_DEVICE long row_of(const AttendPieces<S>& pieces, const Tiles& tiles, int first, int head,
                            int i) {
  const int query = first + tiles.row(i);
  return query < pieces.queries ? pieces.row_at(query, head) : -1;
}

// f(j, column), the thread holding columns j to j + Tiles::kTogether of the row.
template <class Tiles, class Function>
TUTTI_ON_DEVICE void for_columns(const Tiles& tiles, int width, Function f) {
  TUTTI_UNROLLED for (int j = 0; j < Tiles::kColumnsHeld; j += Tiles::kTogether) {
    if (tiles.column(j) < width) f(j, tiles.column(j));
  }
}

template <class S, class Tiles>
TUTTI_ON_DEVICE void resume(const AttendWork<S>& work, const Tiles& tiles, int first, int head,
                            Softmax<Tiles>& softmax, typename Tiles::Sums& out) {
  constexpr int kTogether = Tiles::kTogether;
  const int width = work.pieces.width;
  out.clear();
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const long row = row_of(work.pieces, tiles, first, head, i);
    const float sum = row < 0 ? 0 : work.sum[row];
    softmax.most[i] = row < 0 ? kLeast : work.most[row];
    softmax.sum[i] = tiles.of_row_first() ? sum : 0;
    if (sum == 0) continue;
    const float* from = work.out + row * width;
    for_columns(tiles, width, [&](int j, int column) {
      const Floats<kTogether> floats = load<kTogether>(from + column);
      TUTTI_UNROLLED for (int n = 0; n < kTogether; ++n) out.at[i][j + n] = floats.at[n];
    });
  }
}

template <class S, class Tiles>
TUTTI_ON_DEVICE void suspend(const AttendWork<S>& work, const Tiles& tiles, int first, int head,
                             const Softmax<Tiles>& softmax, const typename Tiles::Sums& out) {
  constexpr int kTogether = Tiles::kTogether;
  const int width = work.pieces.width;
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const long row = row_of(work.pieces, tiles, first, head, i);
    const float sum = tiles.sum_of_row(softmax.sum[i]);
    if (row < 0) continue;
    if (tiles.of_row_first()) {
      work.most[row] = softmax.most[i];
      work.sum[row] = sum;
    }
    float* to = work.out + row * width;
    for_columns(tiles, width, [&](int j, int column) {
      Floats<kTogether> floats;
      TUTTI_UNROLLED for (int n = 0; n < kTogether; ++n) floats.at[n] = out.at[i][j + n];
      store(floats, to + column);
    });
  }
}

// Keys from `first_key` on that a query does not see.
template <class S, class Tiles>
TUTTI_ON_DEVICE void hide(const AttendPieces<S>& pieces, const Tiles& tiles, int first,
                          int first_key, typename Tiles::Scores& scores) {
  const int seen_of_first = pieces.ahead + first - first_key + 1;
  const int keys = pieces.keys - first_key;
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const int seen = seen_of_first + tiles.row(i) < keys ? seen_of_first + tiles.row(i) : keys;
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      if (tiles.column(j) >= seen) scores.at[i][j] = kUnseen;
    }
  }
}

// Scores, not scaled yet, become exponentials.
template <class Tiles>
TUTTI_ON_DEVICE void soften(const Tiles& tiles, float scale, typename Tiles::Scores& scores,
                            Softmax<Tiles>& softmax, typename Tiles::Sums& out) {
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    float top = kUnseen;
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      top = scores.at[i][j] > top ? scores.at[i][j] : top;
    }
    top = tiles.most_of_row(top) * scale;
    top = top > softmax.most[i] ? top : softmax.most[i];
    const float shrink = power_of_two((softmax.most[i] - top) * kLog2E);
    const float shift = top == kLeast ? 0 : top * kLog2E;  // nothing seen yet: all remain 0
    float sum = 0;
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      const float power = power_of_two(scores.at[i][j] * (scale * kLog2E) - shift);
      scores.at[i][j] = power;
      sum += power;
    }
    softmax.most[i] = top;
    softmax.sum[i] = softmax.sum[i] * shrink + sum;
    if (shrink == 1) continue;  // as most often
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kColumnsHeld; ++j) out.at[i][j] *= shrink;
  }
}

// How many tiles pass when there are so many rows.
template <class Tiles>
TUTTI_ON_DEVICE int tiles_of(int rows) {
  return (rows + Tiles::kSteps - 1) / Tiles::kSteps;
}

/// The queries of a head from `first` on, as many as a tile has rows.
template <class S, class Tiles>
TUTTI_ON_DEVICE void attend_tile(const AttendWork<S>& work, Tiles& tiles, int first, int head) {
  const AttendPieces<S>& pieces = work.pieces;
  const int kv_head = head / pieces.head_share;
  const int key_tiles = tiles_of<Tiles>(pieces.seen_of(first, Tiles::kRows));
  if (key_tiles == 0) return;

  tiles.load_kept(pieces.query_rows(first, head), 0);
  Softmax<Tiles> softmax;
  typename Tiles::Sums out;
  resume(work, tiles, first, head, softmax, out);
  const auto load = [&](int tile, int buffer) {
    tiles.load_passing(pieces.key_rows(pieces.k, tile * Tiles::kSteps, kv_head), 0, buffer);
    tiles.load_passing(pieces.key_rows(pieces.v, tile * Tiles::kSteps, kv_head), 1, buffer);
  };
  let_pass(tiles, 0, key_tiles, load, [&](int tile, int buffer) {
    typename Tiles::Scores scores;
    tiles.dots(tiles.kept(0), tiles.passing(0, buffer), scores);
    if (pieces.seen(first) < (tile + 1) * Tiles::kSteps) {
      hide(pieces, tiles, first, tile * Tiles::kSteps, scores);
    }
    soften(tiles, pieces.scale, scores, softmax, out);
    tiles.mix(scores, tiles.passing(1, buffer), out);
  });
  suspend(work, tiles, first, head, softmax, out);
}

// to += factor sums
template <class Tiles>
TUTTI_ON_DEVICE void add_sums(const Tiles& tiles, const typename Tiles::Sums& sums, float factor,
                              const TileRows<float>& to) {
  constexpr int kTogether = Tiles::kTogether;
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    if (tiles.row(i) >= to.rows) continue;
    float* row = to.data + long{tiles.row(i)} * to.stride;
    for_columns(tiles, to.columns, [&](int j, int column) {
      Floats<kTogether> floats = load<kTogether>(row + column);
      TUTTI_UNROLLED for (int n = 0; n < kTogether; ++n) {
        floats.at[n] += factor * sums.at[i][j + n];
      }
      store(floats, row + column);
    });
  }
}

// A probability, from a score that is not scaled yet and, as a power of two, the sum of all.
TUTTI_ON_DEVICE float probability(float score, float scale, float log2_sum) {
  return power_of_two(score * (scale * kLog2E) - log2_sum);
}

/// The gradients of a head's queries from `first` on, as many as a tile has rows.
template <class S, class Tiles>
TUTTI_ON_DEVICE void attend_backward_queries(const AttendBackwardWork<S>& work, Tiles& tiles,
                                             int first, int head) {
  const AttendPieces<S>& pieces = work.pieces;
  const int kv_head = head / pieces.head_share;
  const int key_tiles = tiles_of<Tiles>(pieces.seen_of(first, Tiles::kRows));
  if (key_tiles == 0) return;

  tiles.load_kept(pieces.query_rows(first, head), 0);
  tiles.load_kept(pieces.result_rows(work.d_out, first, head), 1);
  float log2_sum[Tiles::kRowsHeld];
  float delta[Tiles::kRowsHeld];
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const long row = row_of(pieces, tiles, first, head, i);
    log2_sum[i] = row < 0 ? 0 : work.log_sum[row] * kLog2E;
    delta[i] = row < 0 ? 0 : work.delta[row];
  }
  typename Tiles::Sums dq;
  dq.clear();
  const auto load = [&](int tile, int buffer) {
    tiles.load_passing(pieces.key_rows(pieces.k, tile * Tiles::kSteps, kv_head), 0, buffer);
    tiles.load_passing(pieces.key_rows(pieces.v, tile * Tiles::kSteps, kv_head), 1, buffer);
  };
  let_pass(tiles, 0, key_tiles, load, [&](int tile, int buffer) {
    typename Tiles::Scores scores;
    typename Tiles::Scores slopes;
    tiles.dots(tiles.kept(0), tiles.passing(0, buffer), scores);
    tiles.dots(tiles.kept(1), tiles.passing(1, buffer), slopes);
    if (pieces.seen(first) < (tile + 1) * Tiles::kSteps) {
      hide(pieces, tiles, first, tile * Tiles::kSteps, scores);
    }
    TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
      TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
        slopes.at[i][j] =
            probability(scores.at[i][j], pieces.scale, log2_sum[i]) * (slopes.at[i][j] - delta[i]);
      }
    }
    tiles.mix(slopes, tiles.passing(0, buffer), dq);
  });
  add_sums(tiles, dq, pieces.scale,
           {work.dq + pieces.query_at(first, head), pieces.query_stride, pieces.queries - first,
            pieces.width});
}

// Queries from `first_query` on that do not see a key; scores are of keys and queries.
template <class S, class Tiles>
TUTTI_ON_DEVICE void hide_from_keys(const AttendPieces<S>& pieces, const Tiles& tiles, int first,
                                    int first_query, typename Tiles::Scores& scores) {
  const int seen_by_first = first - pieces.ahead - first_query;
  const int queries = pieces.queries - first_query;
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      const int column = tiles.column(j);
      if (column < seen_by_first + tiles.row(i) || column >= queries) scores.at[i][j] = kUnseen;
    }
  }
}

/// The gradients of a head's keys and values from `first` on, as many as a tile has rows: of the
/// queries of all heads that look at it, head by head.
template <class S, class Tiles>
TUTTI_ON_DEVICE void attend_backward_keys(const AttendBackwardWork<S>& work, Tiles& tiles,
                                          int first, int kv_head) {
  const AttendPieces<S>& pieces = work.pieces;
  const int begin = pieces.first_to_see(first) / Tiles::kSteps;
  const int end = tiles_of<Tiles>(pieces.queries);
  if (begin >= end) return;
  tiles.load_kept(pieces.key_rows(pieces.k, first, kv_head), 0);
  tiles.load_kept(pieces.key_rows(pieces.v, first, kv_head), 1);
  typename Tiles::Sums dk;
  typename Tiles::Sums dv;
  dk.clear();
  dv.clear();
  struct Place {
    int head;
    int tile;
  };
  const auto next = [&](Place place) {
    return place.tile + 1 < end ? Place{place.head, place.tile + 1} : Place{place.head + 1, begin};
  };
  Place loaded{kv_head * pieces.head_share, begin};
  const auto load = [&](int, int buffer) {
    const int query = loaded.tile * Tiles::kSteps;
    const int head = loaded.head;
    const int heads = pieces.heads;
    loaded = next(loaded);
    const long row = pieces.row_at(query, head);
    tiles.load_passing(pieces.query_rows(query, head), 0, buffer);
    tiles.load_passing(pieces.result_rows(work.d_out, query, head), 1, buffer);
    tiles.load_beside(work.log_sum + row, heads, pieces.queries - query, 0, buffer);
    tiles.load_beside(work.delta + row, heads, pieces.queries - query, 1, buffer);
  };
  Place used = loaded;
  let_pass(tiles, 0, pieces.head_share * (end - begin), load, [&](int, int buffer) {
    typename Tiles::Scores scores;
    typename Tiles::Scores slopes;
    tiles.dots(tiles.kept(0), tiles.passing(0, buffer), scores);
    tiles.dots(tiles.kept(1), tiles.passing(1, buffer), slopes);
    const int query = used.tile * Tiles::kSteps;
    used = next(used);
    if (query < pieces.first_to_see(first + Tiles::kRows - 1) ||
        query + Tiles::kSteps > pieces.queries) {
      hide_from_keys(pieces, tiles, first, query, scores);
    }
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      const float log2_sum = tiles.beside(0, buffer)[tiles.column(j)] * kLog2E;
      const float delta = tiles.beside(1, buffer)[tiles.column(j)];
      TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
        scores.at[i][j] = probability(scores.at[i][j], pieces.scale, log2_sum);
        slopes.at[i][j] = scores.at[i][j] * (slopes.at[i][j] - delta);
      }
    }
    tiles.mix(scores, tiles.passing(1, buffer), dv);
    tiles.mix(slopes, tiles.passing(0, buffer), dk);
  });
  const int rows = pieces.keys - first;
  const long at = pieces.key_at(first, kv_head);
  add_sums(tiles, dk, pieces.scale, {work.dk + at, pieces.key_stride, rows, pieces.width});
  add_sums(tiles, dv, 1, {work.dv + at, pieces.key_stride, rows, pieces.width});
}

enum class Order { kFirstRowsFirst, kLastRowsFirst };

/// A block's part of `heads` times `rows` rows, in tiles: f(tiles, first row, head).
template <class Cores, class Function>
TUTTI_ON_DEVICE void for_tiles(const Block& block, Order order, int heads, int rows, Function f) {
  const auto index = static_cast<unsigned>(block.index());
  const int before = static_cast<int>(index / static_cast<unsigned>(heads));
  const int head = static_cast<int>(index) - before * heads;
  const int parts = (rows + Cores::kRows - 1) / Cores::kRows;
  const int part = order == Order::kFirstRowsFirst ? before : parts - 1 - before;
  typename Cores::Tiles tiles(block);
  for (int row = 0; row < Cores::kRows; row += Cores::Tiles::kRows) {
    const int first = part * Cores::kRows + row;
    if (row > 0) tiles.meet();
    if (first < rows) f(tiles, first, head);
  }
}

}  // namespace attention

/// What a kernel's blocks compute with: `Tiles`, so often that they have done kRows of their rows.
template <class Number, int kWidth>
struct PlainCores {
  using S = Number;
  using Tiles = PlainTiles<S, kWidth>;
  static constexpr int kRows = Tiles::kRows;
  static constexpr int kThreads = Tiles::kThreads;
  static constexpr std::size_t kSharedBytes = Tiles::kSharedBytes;
};

enum class AttendPass { kForward, kQueries, kKeys };

// Which tiles tensor cores compute with: columns, warps, sixteens of rows of each, rows that pass,
// tiles kept. A thread then holds 192 numbers or less, and has 255 registers.
template <int kWidth, AttendPass pass>
struct AttendShape;
template <>
struct AttendShape<64, AttendPass::kForward> : TensorShape<64, 4, 2, 64, 1> {};
template <>
struct AttendShape<64, AttendPass::kQueries> : TensorShape<64, 4, 2, 64, 2> {};
template <>
struct AttendShape<64, AttendPass::kKeys> : TensorShape<64, 4, 2, 32, 2> {};
template <>
struct AttendShape<128, AttendPass::kForward> : TensorShape<128, 4, 2, 64, 1> {};
template <>
struct AttendShape<128, AttendPass::kQueries> : TensorShape<128, 4, 2, 32, 2> {};
template <>
struct AttendShape<128, AttendPass::kKeys> : TensorShape<128, 8, 1, 64, 2> {};

/// Tensor cores; on the processor, plain tiles stand in for them.
template <int kWidth, AttendPass pass>
struct TensorCores {
  using S = Bf16;
  using Shape = AttendShape<kWidth, pass>;
  using StandIn = PlainTiles<Bf16, kWidth, 16>;
#ifdef __CUDACC__
  using Tiles = TensorTiles<GpuThread, Shape>;
#else
  using Tiles = StandIn;
#endif
  static constexpr int kRows = Shape::kRows;
  static constexpr int kThreads = Shape::kThreads;
  static constexpr std::size_t kSharedBytes = Shape::kSharedBytes;
  static_assert(StandIn::kSharedBytes <= kSharedBytes && kRows % StandIn::kRows == 0);
};

// The kernels have a block for each head and Cores::kRows of its rows; those that have most to do
// come first.

template <class Cores>
struct AttendKernel {
  AttendWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    attention::for_tiles<Cores>(block, attention::Order::kLastRowsFirst, work.pieces.heads,
                                work.pieces.queries, [&](auto& tiles, int first, int head) {
                                  attention::attend_tile(work, tiles, first, head);
                                });
  }
};

template <class Cores>
struct AttendBackwardQueriesKernel {
  AttendBackwardWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    attention::for_tiles<Cores>(block, attention::Order::kLastRowsFirst, work.pieces.heads,
                                work.pieces.queries, [&](auto& tiles, int first, int head) {
                                  attention::attend_backward_queries(work, tiles, first, head);
                                });
  }
};

template <class Cores>
struct AttendBackwardKeysKernel {
  AttendBackwardWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    attention::for_tiles<Cores>(block, attention::Order::kFirstRowsFirst,
                                work.pieces.heads / work.pieces.head_share, work.pieces.keys,
                                [&](auto& tiles, int first, int head) {
                                  attention::attend_backward_keys(work, tiles, first, head);
                                });
  }
};

struct AttendBeginKernel {
  float* most = nullptr;
  long count = 0;

  static constexpr int kThreads = 256;
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(count, [&](long n) { most[n] = attention::kLeast; });
  }
};

/// Packs of kCount numbers.
template <class S, int kCount>
struct AttendEndKernel {
  long rows = 0;
  long packs = 0;  // of a row
  const float* seen = nullptr;
  S* out = nullptr;
  float* most = nullptr;
  const float* sum = nullptr;

  static constexpr int kThreads = 256;
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    block.each_of_all(rows * packs, [&](long n) {
      const long row = n / packs;
      const float total = sum[row];
      Floats<kCount> values = load<kCount>(seen + n * kCount);
      for (int i = 0; i < kCount; ++i) values.at[i] *= 1 / total;
      store(values, out + n * kCount);
      if (n == row * packs) most[row] += std::log(total);
    });
  }
};

/// A row for each sixteen threads, in packs of kCount numbers.
template <class S, int kCount>
struct AttendDeltaKernel {
  long rows = 0;
  long packs = 0;
  const S* out = nullptr;
  const S* d_out = nullptr;
  float* delta = nullptr;

  static constexpr int kThreads = 256;
  static constexpr int kLanes = 16;
  static constexpr int kRowsAtOnce = kThreads / kLanes;
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const int lanes = block.threads() < kLanes ? 1 : kLanes;
    const long rows_at_once = block.threads() / lanes;
    const int lane = block.thread() % lanes;
    // All of a warp go on until none has a row, since they sum together.
    for (int first = block.index() * rows_at_once; first < rows;
         first += block.count() * rows_at_once) {
      const long row = first + block.thread() / lanes;
      float sum = 0;
      for (long pack = lane; row < rows && pack < packs; pack += lanes) {
        const long at = (row * packs + pack) * kCount;
        const Floats<kCount> a = load<kCount>(out + at);
        const Floats<kCount> b = load<kCount>(d_out + at);
        for (int i = 0; i < kCount; ++i) sum += a.at[i] * b.at[i];
      }
      sum = sum_of_lanes<kLanes>(sum);
      if (lane == 0 && row < rows) delta[row] = sum;
    }
  }
};

}  // namespace tutti::train
