#include "train/data/tokenizer.h"

namespace tutti::train {
namespace {

class ByteTokenizer final : public Tokenizer {
 public:
  long vocabulary() const override { return 256; }
  std::int32_t begin_token() const override { return -1; }
  std::int32_t end_token() const override { return -1; }

  std::vector<std::int32_t> encode(std::string_view text) const override {
    std::vector<std::int32_t> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string text;
    for (const std::int32_t token : tokens) {
      if (token >= 0 && token < vocabulary()) text += static_cast<char>(token);
    }
    return text;
  }

  std::uint64_t mark() const override { return 0; }
};

}  // namespace

std::unique_ptr<Tokenizer> byte_tokenizer() { return std::make_unique<ByteTokenizer>(); }

}  // namespace tutti::train
