// Gradients of a tile of queries, and of one of keys and values: scores are computed again for
// each.
//
// Tested by train_device_attention_test.cc.

#pragma once

#include "train/kernels/device/attention_pieces.h"

namespace tutti::train::attention {

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

// Queries from `first_query` on that do not see a key; scores are of keys and queries. What lies
// beyond the last query are zeros, of d_out too, and adds nothing.
template <class S, class Tiles>
TUTTI_ON_DEVICE void hide_from_keys(const AttendPieces<S>& pieces, const Tiles& tiles, int first,
                                    int first_query, typename Tiles::Scores& scores) {
  const int seen_by_first = first - pieces.ahead - first_query;
  TUTTI_UNROLLED for (int i = 0; i < Tiles::kRowsHeld; ++i) {
    TUTTI_UNROLLED for (int j = 0; j < Tiles::kStepsHeld; ++j) {
      if (tiles.column(j) < seen_by_first + tiles.row(i)) scores.at[i][j] = kUnseen;
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
    if (query < pieces.first_to_see(first + Tiles::kRows - 1)) {
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

}  // namespace tutti::train::attention
