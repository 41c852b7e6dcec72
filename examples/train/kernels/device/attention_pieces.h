// What kernels of attention work on, and which of it queries see.
//
// Tested by train_device_attention_test.cc.

#pragma once

#include <cmath>
#include <limits>

#include "train/kernels/attention.h"
#include "train/kernels/device/packs.h"
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

// How many tiles pass when there are so many rows.
template <class Tiles>
TUTTI_ON_DEVICE int tiles_of(int rows) {
  return (rows + Tiles::kSteps - 1) / Tiles::kSteps;
}

}  // namespace attention
}  // namespace tutti::train
