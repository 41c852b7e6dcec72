// One file of tokens, whatever wrote it: where they begin, how wide they are, how many.
//
//   text        bytes, vocabulary 256                                  any file without what
//   follows nanoGPT     uint16 and nothing else                                NAME.bin llm.c
//   header of 256 int32: magic, version, count             magic 20240520, version 1:
//               then uint16 or uint32                                  uint16; 20240801, 7: uint32
//   Megatron    NAME.bin has tokens, NAME.idx says of which type       MMIDIDX in NAME.idx
//
// Formats are told by magic numbers and names; sizes must agree with what headers say. Tested by
// train_data_test.cc.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "train/data/mapped_file.h"

namespace tutti::train {

enum class TokenFormat { kText, kTokenisedText, kNanoGpt, kLlmC, kMegatron };
/// "text, byte by byte", "text, by its tokenizer", "nanoGPT", "llm.c", "Megatron".
std::string_view name(TokenFormat format);

enum class TokenType { kUint8, kInt8, kUint16, kInt16, kUint32, kInt32, kInt64 };
int bytes_of(TokenType type);

struct TokenFile {
  MappedFile file;
  TokenFormat format = TokenFormat::kText;
  TokenType type = TokenType::kUint8;
  std::uint64_t first_byte = 0;
  std::uint64_t count = 0;

  std::uint64_t byte_of(std::uint64_t token) const {
    return first_byte + token * static_cast<std::uint64_t>(bytes_of(type));
  }
  /// Its value in the file, whatever it is. REQUIRES: token < count.
  std::int64_t at(std::uint64_t token) const;
};

/// Fails with file, offset, value, and what was expected. Of Megatron's pair either may be named.
TokenFile open_token_file(const std::string& path);

}  // namespace tutti::train
