#include "train/data/token_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "train/failure.h"

namespace tutti::train {
namespace {

constexpr std::uint64_t kLlmCHeader = 256 * sizeof(std::int32_t);
constexpr std::string_view kMegatronMagic("MMIDIDX\0\0", 9);

[[noreturn]] void fail(const MappedFile& file, std::uint64_t offset, const std::string& what) {
  throw Failure(file.path() + ": at byte " + std::to_string(offset) + ": " + what);
}

// REQUIRES: it lies in the file.
template <class T>
T number_at(const MappedFile& file, std::uint64_t offset) {
  T value;
  std::memcpy(&value, file.bytes().data() + offset, sizeof value);
  return value;
}

bool ends_with_bin(const std::string& path) { return path.ends_with(".bin"); }
std::string stem(const std::string& path) { return path.substr(0, path.size() - 4); }

// ---- llm.c

struct LlmCKind {
  std::int32_t magic;
  std::int32_t version;
  TokenType type;
};
constexpr std::array kLlmCKinds = {LlmCKind{20240520, 1, TokenType::kUint16},
                                   LlmCKind{20240801, 7, TokenType::kUint32}};
constexpr std::int32_t kLlmCQuestions = 20240522;

const LlmCKind* llm_c_kind(const MappedFile& file) {
  if (file.size() < sizeof(std::int32_t)) return nullptr;
  const auto magic = number_at<std::int32_t>(file, 0);
  if (magic == kLlmCQuestions) {
    fail(file, 0, "magic 20240522, llm.c's multiple-choice questions; expected tokens (20240520)");
  }
  const auto found = std::find_if(kLlmCKinds.begin(), kLlmCKinds.end(),
                                  [&](const LlmCKind& kind) { return kind.magic == magic; });
  return found == kLlmCKinds.end() ? nullptr : found;
}

TokenFile open_llm_c(MappedFile file, const LlmCKind& kind) {
  if (file.size() < kLlmCHeader) {
    fail(file, 0,
         "magic of llm.c in a file of " + std::to_string(file.size()) +
             " bytes; expected a header of 1024");
  }
  const auto version = number_at<std::int32_t>(file, 4);
  if (version != kind.version) {
    fail(file, 4,
         "version " + std::to_string(version) + "; expected " + std::to_string(kind.version) +
             " with magic " + std::to_string(kind.magic));
  }
  const auto count = number_at<std::int32_t>(file, 8);
  const std::uint64_t width = static_cast<std::uint64_t>(bytes_of(kind.type));
  const std::uint64_t room = file.size() - kLlmCHeader;
  if (count < 0 || static_cast<std::uint64_t>(count) * width != room) {
    fail(file, 8,
         std::to_string(count) + " tokens of " + std::to_string(width) + " bytes, but " +
             std::to_string(room) + " bytes follow the header; expected " +
             std::to_string(room / width));
  }
  return {std::move(file), TokenFormat::kLlmC, kind.type, kLlmCHeader,
          static_cast<std::uint64_t>(count)};
}

// ---- Megatron: megatron/core/datasets/indexed_dataset.py

// magic[9], version u64, type u8, sequences u64, documents u64, then of each sequence its length
// (int32), then its first byte (int64).
struct MegatronIndex {
  static constexpr std::uint64_t kVersion = 9, kType = 17, kSequences = 18, kLengths = 34;

  TokenType type = TokenType::kUint16;
  std::uint64_t sequences = 0;
};

TokenType megatron_type(const MappedFile& index) {
  constexpr std::array kTypes = {TokenType::kUint8, TokenType::kInt8, TokenType::kInt16,
                                 TokenType::kInt32, TokenType::kInt64};
  constexpr int kUint16 = 8;
  const int code = number_at<std::uint8_t>(index, MegatronIndex::kType);
  if (code == kUint16) return TokenType::kUint16;
  if (code < 1 || code > static_cast<int>(kTypes.size())) {
    fail(index, MegatronIndex::kType,
         "type " + std::to_string(code) + "; expected integers: 1 to 5, or 8");
  }
  return kTypes[code - 1];
}

MegatronIndex read_megatron_index(const MappedFile& file) {
  if (file.size() < MegatronIndex::kLengths || !file.text().starts_with(kMegatronMagic)) {
    fail(file, 0, "expected MMIDIDX, the magic of a Megatron index");
  }
  const auto version = number_at<std::uint64_t>(file, MegatronIndex::kVersion);
  if (version != 1) {
    fail(file, MegatronIndex::kVersion, "version " + std::to_string(version) + "; expected 1");
  }
  MegatronIndex index{megatron_type(file),
                      number_at<std::uint64_t>(file, MegatronIndex::kSequences)};
  constexpr std::uint64_t kEach = sizeof(std::int32_t) + sizeof(std::int64_t);
  const std::uint64_t most = (file.size() - MegatronIndex::kLengths) / kEach;
  if (index.sequences > most) {
    fail(file, MegatronIndex::kSequences,
         std::to_string(index.sequences) + " sequences; the file has room for " +
             std::to_string(most));
  }
  return index;
}

// Sequences must follow one another: then the file is one run of tokens. Answers how many.
std::uint64_t check_megatron_sequences(const MappedFile& file, const MegatronIndex& index) {
  const std::uint64_t pointers = MegatronIndex::kLengths + index.sequences * sizeof(std::int32_t);
  std::uint64_t tokens = 0;
  for (std::uint64_t i = 0; i < index.sequences; ++i) {
    const std::uint64_t at_length = MegatronIndex::kLengths + i * sizeof(std::int32_t);
    const auto length = number_at<std::int32_t>(file, at_length);
    if (length < 0) {
      fail(file, at_length,
           "sequence " + std::to_string(i) + " of " + std::to_string(length) +
               " tokens; expected 0 or more");
    }
    const std::uint64_t at_pointer = pointers + i * sizeof(std::int64_t);
    const auto begin = number_at<std::int64_t>(file, at_pointer);
    const std::uint64_t expected = tokens * static_cast<std::uint64_t>(bytes_of(index.type));
    if (static_cast<std::uint64_t>(begin) != expected) {
      fail(file, at_pointer,
           "sequence " + std::to_string(i) + " begins at byte " + std::to_string(begin) +
               "; expected " + std::to_string(expected) + ", the end of the one before");
    }
    tokens += static_cast<std::uint64_t>(length);
  }
  return tokens;
}

TokenFile open_megatron(const std::string& stem) {
  const MappedFile index_file(stem + ".idx");
  const MegatronIndex index = read_megatron_index(index_file);
  const std::uint64_t tokens = check_megatron_sequences(index_file, index);
  MappedFile file(stem + ".bin");
  const std::uint64_t expected = tokens * static_cast<std::uint64_t>(bytes_of(index.type));
  if (file.size() != expected) {
    throw Failure(file.path() + ": " + std::to_string(file.size()) + " bytes; expected " +
                  std::to_string(expected) + ", for " + index_file.path() + " says " +
                  std::to_string(tokens) + " tokens of " + std::to_string(bytes_of(index.type)) +
                  " bytes");
  }
  return {std::move(file), TokenFormat::kMegatron, index.type, 0, tokens};
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool is_megatron_index(const std::string& path) {
  return exists(path) && MappedFile(path).text().starts_with(kMegatronMagic);
}

// ---- nanoGPT and text, which have no magic

TokenFile open_nano_gpt(MappedFile file) {
  if (file.size() % sizeof(std::uint16_t) != 0) {
    throw Failure(file.path() + ": " + std::to_string(file.size()) +
                  " bytes and no magic of llm.c; expected nanoGPT's tokens of 2 bytes each");
  }
  const std::uint64_t count = file.size() / sizeof(std::uint16_t);
  return {std::move(file), TokenFormat::kNanoGpt, TokenType::kUint16, 0, count};
}

// Tokens of more than a byte nearly always have zero bytes; texts never do.
TokenFile open_text(MappedFile file) {
  constexpr std::size_t kLookedAt = 64 * 1024;
  const std::size_t zero = file.text().substr(0, kLookedAt).find('\0');
  if (zero != std::string_view::npos) {
    fail(file, zero, "value 0; expected text (files of tokens are named .bin)");
  }
  const std::uint64_t count = file.size();
  return {std::move(file), TokenFormat::kText, TokenType::kUint8, 0, count};
}

}  // namespace

std::string_view name(TokenFormat format) {
  switch (format) {
    case TokenFormat::kText:
      return "text, byte by byte";
    case TokenFormat::kTokenisedText:
      return "text, by its tokenizer";
    case TokenFormat::kNanoGpt:
      return "nanoGPT";
    case TokenFormat::kLlmC:
      return "llm.c";
    case TokenFormat::kMegatron:
      return "Megatron";
  }
  return "";
}

int bytes_of(TokenType type) {
  switch (type) {
    case TokenType::kUint8:
    case TokenType::kInt8:
      return 1;
    case TokenType::kUint16:
    case TokenType::kInt16:
      return 2;
    case TokenType::kUint32:
    case TokenType::kInt32:
      return 4;
    case TokenType::kInt64:
      return 8;
  }
  return 0;
}

std::int64_t TokenFile::at(std::uint64_t token) const {
  const std::uint64_t offset = byte_of(token);
  switch (type) {
    case TokenType::kUint8:
      return number_at<std::uint8_t>(file, offset);
    case TokenType::kInt8:
      return number_at<std::int8_t>(file, offset);
    case TokenType::kUint16:
      return number_at<std::uint16_t>(file, offset);
    case TokenType::kInt16:
      return number_at<std::int16_t>(file, offset);
    case TokenType::kUint32:
      return number_at<std::uint32_t>(file, offset);
    case TokenType::kInt32:
      return number_at<std::int32_t>(file, offset);
    case TokenType::kInt64:
      return number_at<std::int64_t>(file, offset);
  }
  return 0;
}

TokenFile open_token_file(const std::string& path) {
  if (path.ends_with(".idx")) return open_megatron(stem(path));
  if (ends_with_bin(path) && is_megatron_index(stem(path) + ".idx")) {
    return open_megatron(stem(path));
  }
  MappedFile file(path);
  if (const LlmCKind* const kind = llm_c_kind(file)) return open_llm_c(std::move(file), *kind);
  return ends_with_bin(path) ? open_nano_gpt(std::move(file)) : open_text(std::move(file));
}

}  // namespace tutti::train
