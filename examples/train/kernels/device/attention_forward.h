// A tile of queries takes keys in: the softmax so far goes on with every tile of keys that passes.
//
// Tested by train_device_attention_test.cc.

#pragma once

#include "train/kernels/device/attention_pieces.h"

namespace tutti::train::attention {

// The softmax so far of each row that a thread holds: the largest score, and the part of the sum of
// exponentials that the thread has seen.
template <class Tiles>
struct Softmax {
  float most[Tiles::kRowsHeld];
  float sum[Tiles::kRowsHeld];
};

// What attend() left of earlier keys; nothing where it has seen none.
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

// For attend() to go on with.
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
    tiles.converge();
    tiles.mix(scores, tiles.passing(1, buffer), out);
  });
  suspend(work, tiles, first, head, softmax, out);
}

}  // namespace tutti::train::attention
