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
#include "train/kernels/device/packs.h"
#include "train/kernels/device/tiles.h"

namespace tutti::train {

/// Queries of one piece, and keys of another.
template <class S>
struct AttendPieces {
  HeadShape shape;
  Tokens queries;
  const S* q = nullptr;
  Tokens keys;
  const S* k = nullptr;
  const S* v = nullptr;

  /// How many of the keys a query sees: the first ones.
  TUTTI_ANYWHERE long seen(long query) const {
    const long count = queries.position + query - keys.position + 1;
    return count < 0 ? 0 : count < keys.count ? count : keys.count;
  }
  /// How many any of `rows` queries sees.
  TUTTI_ANYWHERE long seen_of(long first, long rows) const {
    const long end = first + rows;
    return seen((end < queries.count ? end : queries.count) - 1);
  }
  /// The first query that sees a key, if any.
  TUTTI_ANYWHERE long first_to_see(long key) const {
    const long query = keys.position + key - queries.position;
    return query < 0 ? 0 : query;
  }

  TUTTI_ANYWHERE long query_at(long query, long head) const {
    return query * shape.query_stride + head * shape.width;
  }
  TUTTI_ANYWHERE long key_at(long key, long kv_head) const {
    return key * shape.key_stride + kv_head * shape.width;
  }
  TUTTI_ANYWHERE long row_at(long query, long head) const { return query * shape.heads + head; }

  TUTTI_ANYWHERE TileRows<const S> query_rows(long first, long head) const {
    return {q + query_at(first, head), shape.query_stride, queries.count - first, width()};
  }
  /// Of the keys, or of the values.
  TUTTI_ANYWHERE TileRows<const S> key_rows(const S* of, long first, long kv_head) const {
    return {of + key_at(first, kv_head), shape.key_stride, keys.count - first, width()};
  }
  /// Of [count, heads, width].
  TUTTI_ANYWHERE TileRows<const S> result_rows(const S* of, long first, long head) const {
    return {of + row_at(first, head) * width(), shape.heads * shape.width, queries.count - first,
            width()};
  }

  TUTTI_ANYWHERE int width() const { return static_cast<int>(shape.width); }
  TUTTI_ANYWHERE long head_share() const { return shape.heads / shape.kv_heads; }
};

/// What attend() works on.
template <class S>
struct AttendWork {
  AttendPieces<S> pieces;
  float scale = 1;
  float* out = nullptr;
  float* most = nullptr;
  float* sum = nullptr;
};

/// What attend_backward() works on.
template <class S>
struct AttendBackwardWork {
  AttendPieces<S> pieces;
  float scale = 1;
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
TUTTI_ON_DEVICE long row_of(const AttendPieces<S>& pieces, const Tiles& tiles, long first,
                            long head, int i) {
  const long query = first + tiles.row(i);
  return query < pieces.queries.count ? pieces.row_at(query, head) : -1;
}

template <class S, class Tiles>
TUTTI_ON_DEVICE void resume(const AttendWork<S>& work, const Tiles& tiles, long first, long head,
                            Softmax<Tiles>& softmax, typename Tiles::Sums& out) {
  const int width = work.pieces.width();
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const long row = row_of(work.pieces, tiles, first, head, i);
    const float sum = row < 0 ? 0 : work.sum[row];
    softmax.most[i] = row < 0 ? kLeast : work.most[row];
    softmax.sum[i] = tiles.of_row_first() ? sum : 0;
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kColumnsHeld; ++j) {
      const int column = tiles.column(j);
      out.at[i][j] = sum > 0 && column < width ? work.out[row * width + column] : 0;
    }
  }
}

template <class S, class Tiles>
TUTTI_ON_DEVICE void suspend(const AttendWork<S>& work, const Tiles& tiles, long first, long head,
                             const Softmax<Tiles>& softmax, const typename Tiles::Sums& out) {
  const int width = work.pieces.width();
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const long row = row_of(work.pieces, tiles, first, head, i);
    const float sum = tiles.sum_of_row(softmax.sum[i]);
    if (row < 0) continue;
    if (tiles.of_row_first()) {
      work.most[row] = softmax.most[i];
      work.sum[row] = sum;
    }
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kColumnsHeld; ++j) {
      const int column = tiles.column(j);
      if (column < width) work.out[row * width + column] = out.at[i][j];
    }
  }
}

// Keys from `first_key` on that a query does not see.
template <class S, class Tiles>
TUTTI_ON_DEVICE void hide(const AttendPieces<S>& pieces, const Tiles& tiles, long first,
                          long first_key, typename Tiles::Scores& scores) {
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const int seen = static_cast<int>(pieces.seen(first + tiles.row(i)) - first_key);
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
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kColumnsHeld; ++j) out.at[i][j] *= shrink;
  }
}

/// The queries of a head from `first` on, as many as a tile has rows.
template <class S, class Tiles>
TUTTI_ON_DEVICE void attend_tile(const AttendWork<S>& work, Tiles& tiles, long first, long head) {
  const AttendPieces<S>& pieces = work.pieces;
  const long kv_head = head / pieces.head_share();
  const long key_tiles = ceil_divide(pieces.seen_of(first, Tiles::kRows), Tiles::kSteps);
  if (key_tiles == 0) return;

  tiles.load_kept(pieces.query_rows(first, head), 0);
  Softmax<Tiles> softmax;
  typename Tiles::Sums out;
  resume(work, tiles, first, head, softmax, out);
  const auto load = [&](long tile, int buffer) {
    tiles.load_passing(pieces.key_rows(pieces.k, tile * Tiles::kSteps, kv_head), 0, buffer);
    tiles.load_passing(pieces.key_rows(pieces.v, tile * Tiles::kSteps, kv_head), 1, buffer);
  };
  let_pass(tiles, 0, key_tiles, load, [&](long tile, int buffer) {
    typename Tiles::Scores scores;
    tiles.dots(tiles.kept(0), tiles.passing(0, buffer), scores);
    if (pieces.seen(first) < (tile + 1) * Tiles::kSteps) {
      hide(pieces, tiles, first, tile * Tiles::kSteps, scores);
    }
    soften(tiles, work.scale, scores, softmax, out);
    tiles.mix(scores, tiles.passing(1, buffer), out);
  });
  suspend(work, tiles, first, head, softmax, out);
}

// to += factor sums
template <class Tiles>
TUTTI_ON_DEVICE void add_sums(const Tiles& tiles, const typename Tiles::Sums& sums, float factor,
                              const TileRows<float>& to) {
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    if (tiles.row(i) >= to.rows) continue;
    float* row = to.data + tiles.row(i) * to.stride;
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kColumnsHeld; ++j) {
      const int column = tiles.column(j);
      if (column < to.columns) row[column] += factor * sums.at[i][j];
    }
  }
}

// A probability, from a score that is not scaled yet, where it is not hidden.
TUTTI_ON_DEVICE float probability(float score, float scale, float log_sum) {
  return power_of_two(score * (scale * kLog2E) - log_sum * kLog2E);
}

/// The gradients of a head's queries from `first` on, as many as a tile has rows.
template <class S, class Tiles>
TUTTI_ON_DEVICE void attend_backward_queries(const AttendBackwardWork<S>& work, Tiles& tiles,
                                             long first, long head) {
  const AttendPieces<S>& pieces = work.pieces;
  const long kv_head = head / pieces.head_share();
  const long key_tiles = ceil_divide(pieces.seen_of(first, Tiles::kRows), Tiles::kSteps);
  if (key_tiles == 0) return;

  tiles.load_kept(pieces.query_rows(first, head), 0);
  tiles.load_kept(pieces.result_rows(work.d_out, first, head), 1);
  float log_sum[Tiles::kRowsHeld];
  float delta[Tiles::kRowsHeld];
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const long row = row_of(pieces, tiles, first, head, i);
    log_sum[i] = row < 0 ? 0 : work.log_sum[row];
    delta[i] = row < 0 ? 0 : work.delta[row];
  }
  typename Tiles::Sums dq;
  dq.clear();
  const auto load = [&](long tile, int buffer) {
    tiles.load_passing(pieces.key_rows(pieces.k, tile * Tiles::kSteps, kv_head), 0, buffer);
    tiles.load_passing(pieces.key_rows(pieces.v, tile * Tiles::kSteps, kv_head), 1, buffer);
  };
  let_pass(tiles, 0, key_tiles, load, [&](long tile, int buffer) {
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
            probability(scores.at[i][j], work.scale, log_sum[i]) * (slopes.at[i][j] - delta[i]);
      }
    }
    tiles.mix(slopes, tiles.passing(0, buffer), dq);
  });
  add_sums(tiles, dq, work.scale,
           {work.dq + pieces.query_at(first, head), pieces.shape.query_stride,
            pieces.queries.count - first, pieces.width()});
}

// Queries from `first_query` on that do not see a key; scores are of keys and queries.
template <class S, class Tiles>
TUTTI_ON_DEVICE void hide_from_keys(const AttendPieces<S>& pieces, const Tiles& tiles, long first,
                                    long first_query, typename Tiles::Scores& scores) {
  const int queries = static_cast<int>(pieces.queries.count - first_query);
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    const int blind = static_cast<int>(pieces.first_to_see(first + tiles.row(i)) - first_query);
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      const int column = tiles.column(j);
      if (column < blind || column >= queries) scores.at[i][j] = kUnseen;
    }
  }
}

/// The gradients of a head's keys and values from `first` on, as many as a tile has rows: of the
/// queries of all heads that look at it, head by head.
template <class S, class Tiles>
TUTTI_ON_DEVICE void attend_backward_keys(const AttendBackwardWork<S>& work, Tiles& tiles,
                                          long first, long kv_head) {
  const AttendPieces<S>& pieces = work.pieces;
  const long begin = pieces.first_to_see(first) / Tiles::kSteps;
  const int count = static_cast<int>(ceil_divide(pieces.queries.count, Tiles::kSteps) - begin);
  if (count <= 0) return;
  const long share = pieces.head_share();
  const auto head_of = [&](long step) { return kv_head * share + static_cast<int>(step) / count; };
  const auto query_of = [&](long step) {
    return (begin + static_cast<int>(step) % count) * Tiles::kSteps;
  };

  tiles.load_kept(pieces.key_rows(pieces.k, first, kv_head), 0);
  tiles.load_kept(pieces.key_rows(pieces.v, first, kv_head), 1);
  typename Tiles::Sums dk;
  typename Tiles::Sums dv;
  dk.clear();
  dv.clear();
  const auto load = [&](long step, int buffer) {
    const long query = query_of(step);
    const long head = head_of(step);
    const long heads = pieces.shape.heads;
    const long row = pieces.row_at(query, head);
    tiles.load_passing(pieces.query_rows(query, head), 0, buffer);
    tiles.load_passing(pieces.result_rows(work.d_out, query, head), 1, buffer);
    tiles.load_beside(work.log_sum + row, heads, pieces.queries.count - query, 0, buffer);
    tiles.load_beside(work.delta + row, heads, pieces.queries.count - query, 1, buffer);
  };
  let_pass(tiles, 0, share * count, load, [&](long step, int buffer) {
    typename Tiles::Scores scores;
    typename Tiles::Scores slopes;
    tiles.dots(tiles.kept(0), tiles.passing(0, buffer), scores);
    tiles.dots(tiles.kept(1), tiles.passing(1, buffer), slopes);
    const long query = query_of(step);
    if (query < pieces.first_to_see(first + Tiles::kRows - 1) ||
        query + Tiles::kSteps > pieces.queries.count) {
      hide_from_keys(pieces, tiles, first, query, scores);
    }
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      const float log_sum = tiles.beside(0, buffer)[tiles.column(j)];
      const float delta = tiles.beside(1, buffer)[tiles.column(j)];
      TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
        scores.at[i][j] = probability(scores.at[i][j], work.scale, log_sum);
        slopes.at[i][j] = scores.at[i][j] * (slopes.at[i][j] - delta);
      }
    }
    tiles.mix(scores, tiles.passing(1, buffer), dv);
    tiles.mix(slopes, tiles.passing(0, buffer), dk);
  });
  const long rows = pieces.keys.count - first;
  const long at = pieces.key_at(first, kv_head);
  add_sums(tiles, dk, work.scale, {work.dk + at, pieces.shape.key_stride, rows, pieces.width()});
  add_sums(tiles, dv, 1, {work.dv + at, pieces.shape.key_stride, rows, pieces.width()});
}

/// Of the tiles with which a block does its part of `count` rows, f(tiles, first row).
template <class Cores, class Function>
TUTTI_ON_DEVICE void for_tiles(const Block& block, long part, long count, Function f) {
  typename Cores::Tiles tiles(block);
  for (int row = 0; row < Cores::kRows; row += Cores::Tiles::kRows) {
    const long first = part * Cores::kRows + row;
    if (row > 0) tiles.meet();
    if (first < count) f(tiles, first);
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

// The kernels have a block for each head and Cores::kRows of its rows; those that have most to do
// come first.

template <class Cores>
struct AttendKernel {
  AttendWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long heads = work.pieces.shape.heads;
    attention::for_tiles<Cores>(block, block.count() / heads - 1 - block.index() / heads,
                                work.pieces.queries.count, [&](auto& tiles, long first) {
                                  attention::attend_tile(work, tiles, first, block.index() % heads);
                                });
  }
};

template <class Cores>
struct AttendBackwardQueriesKernel {
  AttendBackwardWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long heads = work.pieces.shape.heads;
    attention::for_tiles<Cores>(block, block.count() / heads - 1 - block.index() / heads,
                                work.pieces.queries.count, [&](auto& tiles, long first) {
                                  attention::attend_backward_queries(work, tiles, first,
                                                                     block.index() % heads);
                                });
  }
};

template <class Cores>
struct AttendBackwardKeysKernel {
  AttendBackwardWork<typename Cores::S> work;

  static constexpr int kThreads = Cores::kThreads;
  static constexpr std::size_t shared_bytes() { return Cores::kSharedBytes; }
  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const long heads = work.pieces.shape.kv_heads;
    attention::for_tiles<Cores>(
        block, block.index() / heads, work.pieces.keys.count, [&](auto& tiles, long first) {
          attention::attend_backward_keys(work, tiles, first, block.index() % heads);
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
    for (long first = block.index() * rows_at_once; first < rows;
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
