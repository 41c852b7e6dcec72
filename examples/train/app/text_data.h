// What a run is trained on and validated with, from its configuration.

#pragma once

#include <memory>
#include <optional>

#include "train/app/run_config.h"
#include "train/data/token_samples.h"

namespace tutti::train {

/// "bytes", or the path of a tokenizer.model.
std::unique_ptr<Tokenizer> tokenizer_named(const std::string& name);

class TextData {
 public:
  /// Fails with a sentence that says what would fit.
  TextData(const RunConfig& config, long vocabulary);
  TextData(const TextData&) = delete;

  const Corpus& tokens() const { return tokens_; }
  const Split& split() const { return split_; }
  const TokenSamples& training() const { return training_; }
  /// Whether there is anything to validate with.
  bool validates() const { return split_.validation.size() > 0; }
  const TokenSamples& validation() const { return validation_; }

 private:
  const std::unique_ptr<Tokenizer> tokenizer_;
  const Corpus tokens_;
  const Split split_;
  const TokenSamples training_;
  const TokenSamples validation_;
};

/// Samples of a validation: at most as many as `most` and as there are, in whole shares; 0 if there
/// are not enough for one.
long validation_samples(const TextData& data, long sequence, long most, long share);

}  // namespace tutti::train
