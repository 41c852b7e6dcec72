// Text to tokens and back.
//
// Tested by train_tokenizer_test.cc.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::train {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Tokens are below it.
  virtual long vocabulary() const = 0;
  /// What a document begins and ends with; below 0: nothing.
  virtual std::int32_t begin_token() const = 0;
  virtual std::int32_t end_token() const = 0;

  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  /// Tokens that stand for no text (those above, those that the vocabulary lacks) become nothing.
  virtual std::string decode(std::span<const std::int32_t> tokens) const = 0;

  /// Tokenizers with the same mark make the same tokens of a text.
  virtual std::uint64_t mark() const = 0;
};

/// Every byte is a token, and they are all.
std::unique_ptr<Tokenizer> byte_tokenizer();

/// From a tokenizer.model. Fails where it is none, or where this was built without SentencePiece.
std::unique_ptr<Tokenizer> sentencepiece_tokenizer(const std::string& path);

}  // namespace tutti::train
