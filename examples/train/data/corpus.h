// What is trained on: the tokens of one file or several, one after the other, as one long run with
// 64-bit indices.
//
// Tested by train_data_test.cc.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "train/data/token_file.h"
#include "train/data/tokenizer.h"

namespace tutti::train {

class Corpus {
 public:
  /// `vocabulary`: of the model; tokens must be below it.
  Corpus(std::vector<TokenFile> files, long vocabulary);

  std::uint64_t size() const { return starts_.back(); }

  /// Tokens first … of as many as `out` has. Fails, naming file, place and value, where one is not
  /// of the vocabulary. REQUIRES: first + out.size() <= size().
  void read(std::uint64_t first, std::span<std::int32_t> out) const;

  /// Whether a file is of that format.
  bool has(TokenFormat format) const;

  /// "3 files, 1048576 tokens (text, byte by byte)".
  std::string describe() const;

 private:
  std::int32_t checked(const TokenFile& file, std::uint64_t token) const;

  std::vector<TokenFile> files_;
  std::vector<std::uint64_t> starts_;  // of each file, and the end of the last
  const long vocabulary_;
};

/// The tokens of files, and of all files in folders (by name; not of folders in them). Texts become
/// tokens by `tokenizer`, where there is one, and are their bytes otherwise.
Corpus open_corpus(const std::vector<std::string>& paths, const Tokenizer* tokenizer,
                   long vocabulary);

}  // namespace tutti::train
