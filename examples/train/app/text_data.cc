#include "train/app/text_data.h"

#include <algorithm>

#include "train/failure.h"

namespace tutti::train {

std::unique_ptr<Tokenizer> tokenizer_named(const std::string& name) {
  return name == "bytes" ? byte_tokenizer() : sentencepiece_tokenizer(name);
}

// Bytes are read as they are: a tokenizer would write a file of tokens.
TextData::TextData(const RunConfig& config, long vocabulary)
    : tokenizer_(config.tokenizer == "bytes" ? nullptr : tokenizer_named(config.tokenizer)),
      tokens_(open_corpus(config.data, tokenizer_.get(), vocabulary)),
      split_(split_at_end(tokens_.size(), config.validation_share)),
      training_(tokens_, split_.training, SampleOrder::kShuffled,
                static_cast<std::uint64_t>(config.seed)),
      validation_(tokens_, split_.validation, SampleOrder::kInOrder, 0) {
  if (vocabulary < 256 && tokens_.has(TokenFormat::kText)) {
    throw Failure("vocabulary " + std::to_string(vocabulary) +
                  " of the model: expected at least 256, for text is read byte by byte");
  }
  training_.windows(config.sequence);
}

long validation_samples(const TextData& data, long sequence, long most, long share) {
  const auto room = static_cast<std::uint64_t>(sequence);
  if (data.split().validation.size() <= room) return 0;
  const auto there = static_cast<long>(data.validation().windows(sequence));
  return std::min(most, there) / share * share;
}

}  // namespace tutti::train
