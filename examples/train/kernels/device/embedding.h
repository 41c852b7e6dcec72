// Rows of a table (kernels/embedding.h) on a device.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include "train/kernels/device/pieces.h"
#include "train/kernels/embedding.h"

namespace tutti::train {

template <class S>
struct Embed {
  static constexpr int kThreads = Pieces<kPack<S>>::kThreads;

  Pieces<kPack<S>> pieces;
  EmbeddingShape shape;
  const std::int32_t* tokens;
  const S* table;
  S* y;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    pieces.each_of_rows(block, [&](long token, long at, auto wide) {
      const long word = tokens[token] - shape.first_word;
      Floats<wide> numbers = {};
      if (word >= 0 && word < shape.words) numbers = load<wide>(table + word * shape.width + at);
      store(numbers, y + token * shape.width + at);
    });
  }
};

/// A word of the table, and where its tokens begin in the order of words.
struct WordTokens {
  std::int32_t word;
  std::int32_t begin;
  std::int32_t end;
};

/// A row of pieces is a word's: its tokens are added one after the other.
template <class S>
struct EmbedBackward {
  static constexpr int kThreads = Pieces<kPack<S>>::kThreads;

  Pieces<kPack<S>> pieces;
  const WordTokens* words;
  const std::int32_t* order;  // of tokens, by words
  const S* dy;
  float* d_table;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    pieces.each_of_rows(block, [&](long row, long at, auto wide) {
      const WordTokens word = words[row];
      float* const to = d_table + word.word * pieces.width + at;
      Floats<wide> sum = load<wide>(to);
      for (long n = word.begin; n < word.end; ++n) {
        const Floats<wide> more = load<wide>(dy + order[n] * pieces.width + at);
        for (int i = 0; i < wide; ++i) sum.at[i] += more.at[i];
      }
      store(sum, to);
    });
  }
};

}  // namespace tutti::train
