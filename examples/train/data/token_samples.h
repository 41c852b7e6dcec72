// Samples of a run of tokens: windows that follow one another, each seen once in an epoch, in an
// order of its own. Which window a sample is, is a function of the seed and the sample's number.
//
// Windows overlap by one token, which is a label in one and read in the next. Each epoch begins
// some tokens later, so that what does not fill a window is not always the same.
//
// Tested by train_data_test.cc.

#pragma once

#include <cstdint>
#include <vector>

#include "train/data/corpus.h"
#include "train/trainer.h"

namespace tutti::train {

/// Tokens first … end-1.
struct TokenRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;

  std::uint64_t size() const { return end - first; }
  bool operator==(const TokenRange&) const = default;
};

/// The end of the tokens is for validation.
struct Split {
  TokenRange training;
  TokenRange validation;
};
/// Fails unless 0 <= validation_share < 1.
Split split_at_end(std::uint64_t tokens, double validation_share);

enum class SampleOrder { kShuffled, kInOrder };

class TokenSamples final : public Samples {
 public:
  /// `tokens` must outlive it, and have the range.
  TokenSamples(const Corpus& tokens, TokenRange range, SampleOrder order, std::uint64_t seed)
      : tokens_(tokens), range_(range), order_(order), seed_(seed) {}

  /// Of an epoch, with sequences of that length. Fails where there is none.
  std::uint64_t windows(long sequence) const;

  std::vector<std::int32_t> sample(std::uint64_t number, long sequence) const override;

 private:
  std::uint64_t first_token(std::uint64_t number, long sequence) const;

  const Corpus& tokens_;
  const TokenRange range_;
  const SampleOrder order_;
  const std::uint64_t seed_;
};

}  // namespace tutti::train
