#include "train/data/corpus.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "train/data/tokenised_text.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

// What a folder has under several names is taken once.
std::vector<std::string> files_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::set<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    std::error_code ignored;
    if (!entry.is_regular_file(ignored) || is_kept_tokens(entry.path().string())) continue;
    files.insert(fs::canonical(entry.path(), ignored).string());
  }
  if (error) throw Failure(path + ": cannot read: " + error.message());
  if (files.empty()) throw Failure(path + ": a folder without files; expected text or tokens");
  // Of Megatron's pairs the first is enough.
  std::erase_if(files, [&](const std::string& file) {
    return file.ends_with(".idx") && files.contains(file.substr(0, file.size() - 4) + ".bin");
  });
  return {files.begin(), files.end()};
}

}  // namespace

Corpus::Corpus(std::vector<TokenFile> files, long vocabulary)
    : files_(std::move(files)), starts_{0}, vocabulary_(vocabulary) {
  for (const TokenFile& file : files_) starts_.push_back(starts_.back() + file.count);
}

std::int32_t Corpus::checked(const TokenFile& file, std::uint64_t token) const {
  const std::int64_t value = file.at(token);
  if (value < 0 || value >= vocabulary_) {
    throw Failure(file.file.path() + ": token " + std::to_string(token) + " (byte " +
                  std::to_string(file.byte_of(token)) + ") is " + std::to_string(value) +
                  "; expected less than " + std::to_string(vocabulary_) +
                  ", the model's vocabulary");
  }
  return static_cast<std::int32_t>(value);
}

void Corpus::read(std::uint64_t first, std::span<std::int32_t> out) const {
  std::size_t n = std::upper_bound(starts_.begin(), starts_.end(), first) - starts_.begin() - 1;
  for (std::int32_t& token : out) {
    while (first >= starts_[n + 1]) ++n;
    token = checked(files_[n], first - starts_[n]);
    ++first;
  }
}

bool Corpus::has(TokenFormat format) const {
  return std::any_of(files_.begin(), files_.end(),
                     [&](const TokenFile& file) { return file.format == format; });
}

std::string Corpus::describe() const {
  std::set<std::string_view> formats;
  for (const TokenFile& file : files_) formats.insert(name(file.format));
  std::string text = std::to_string(files_.size()) + (files_.size() == 1 ? " file, " : " files, ") +
                     std::to_string(size()) + " tokens (";
  for (const std::string_view format : formats) {
    text += (text.back() == '(' ? "" : "; ") + std::string(format);
  }
  return text + ")";
}

Corpus open_corpus(const std::vector<std::string>& paths, const Tokenizer* tokenizer,
                   long vocabulary) {
  if (tokenizer != nullptr && tokenizer->vocabulary() > vocabulary) {
    throw Failure("the tokenizer has " + std::to_string(tokenizer->vocabulary()) +
                  " words, the model's vocabulary " + std::to_string(vocabulary) +
                  "; expected as many or more");
  }
  std::vector<TokenFile> files;
  for (const std::string& path : paths) {
    for (const std::string& name : files_of(path)) {
      TokenFile file = open_token_file(name);
      const bool text = file.format == TokenFormat::kText;
      files.push_back(text && tokenizer != nullptr ? tokenise(std::move(file), *tokenizer)
                                                   : std::move(file));
    }
  }
  if (files.empty()) throw Failure("no data: expected files of text or tokens");
  return Corpus(std::move(files), vocabulary);
}

}  // namespace tutti::train
