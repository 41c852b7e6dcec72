#include "train/data/tokenised_text.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "train/failure.h"

namespace tutti::train {
namespace {

// Closed at the end, with the lock that it may hold.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool open() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  const int number_;
};

constexpr const char* kMark = ".tokens-";

std::string cache_path(const MappedFile& text, const Tokenizer& tokenizer) {
  struct stat about = {};
  ::stat(text.path().c_str(), &about);
  char mark[80];
  std::snprintf(mark, sizeof mark, "%s%016llx-%llx-%llx", kMark,
                static_cast<unsigned long long>(tokenizer.mark()),
                static_cast<unsigned long long>(text.size()),
                static_cast<unsigned long long>(about.st_mtim.tv_sec) * 1'000'000'000ULL +
                    static_cast<unsigned long long>(about.st_mtim.tv_nsec));
  return text.path() + mark;
}

bool continues_a_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The first part of a text that is worth a call: ends with a line where it can, and with a
// character.
std::string_view first_piece(std::string_view text) {
  constexpr std::size_t kPiece = 1 << 20;
  if (text.size() <= kPiece) return text;
  const std::size_t line = text.rfind('\n', kPiece);
  if (line != std::string_view::npos) return text.substr(0, line + 1);
  std::size_t end = kPiece;
  while (end > kPiece - 3 && continues_a_character(text[end])) --end;
  return text.substr(0, end);
}

void append(int file, const std::string& name, const std::vector<std::int32_t>& tokens) {
  const char* from = reinterpret_cast<const char*>(tokens.data());
  for (std::size_t left = tokens.size() * sizeof tokens[0]; left > 0;) {
    const ssize_t written = ::write(file, from, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Failure(name + ": cannot write: " + std::strerror(errno));
    from += written;
    left -= static_cast<std::size_t>(written);
  }
}

void write_tokens(int file, const std::string& name, std::string_view text,
                  const Tokenizer& tokenizer) {
  const auto append_mark = [&](std::int32_t token) {
    if (token >= 0) append(file, name, {token});
  };
  append_mark(tokenizer.begin_token());
  while (!text.empty()) {
    const std::string_view piece = first_piece(text);
    append(file, name, tokenizer.encode(piece));
    text.remove_prefix(piece.size());
  }
  append_mark(tokenizer.end_token());
}

// A file beside the text, complete as soon as it has its name. False where none can be made.
bool write_cache(const std::string& path, std::string_view text, const Tokenizer& tokenizer) {
  const std::string partial = path + ".partial";
  const Descriptor file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.open()) return false;
  try {
    write_tokens(file.number(), partial, text, tokenizer);
  } catch (const Failure&) {
    ::unlink(partial.c_str());
    throw;
  }
  return ::rename(partial.c_str(), path.c_str()) == 0;
}

MappedFile tokens_in_memory(const MappedFile& text, const Tokenizer& tokenizer) {
  const Descriptor file(::memfd_create("tokens", MFD_CLOEXEC));
  if (!file.open()) throw Failure(text.path() + ": no memory for its tokens");
  write_tokens(file.number(), text.path() + " (tokens in memory)", text.text(), tokenizer);
  return MappedFile(file.number(), text.path() + " (tokens in memory)");
}

TokenFile as_tokens(MappedFile file) {
  const std::uint64_t count = file.size() / sizeof(std::int32_t);
  return {std::move(file), TokenFormat::kTokenisedText, TokenType::kUint32, 0, count};
}

}  // namespace

bool is_kept_tokens(const std::string& path) { return path.find(kMark) != std::string::npos; }

TokenFile tokenise(TokenFile text, const Tokenizer& tokenizer) {
  const std::string path = cache_path(text.file, tokenizer);
  const Descriptor lock(::open(text.file.path().c_str(), O_RDONLY | O_CLOEXEC));
  while (::flock(lock.number(), LOCK_EX) != 0 && errno == EINTR) {
  }
  if (::access(path.c_str(), R_OK) == 0 || write_cache(path, text.file.text(), tokenizer)) {
    return as_tokens(MappedFile(path));
  }
  return as_tokens(tokens_in_memory(text.file, tokenizer));
}

}  // namespace tutti::train
