// SentencePiece's tokenizer.model, by its own library (Debian: libsentencepiece-dev).
//
// Tested by train_tokenizer_test.cc.

#include "train/data/mapped_file.h"
#include "train/data/tokenizer.h"
#include "train/failure.h"

#ifdef TUTTI_TRAIN_SENTENCEPIECE
#include <sentencepiece_processor.h>

#include "train/checkpoint/checksum.h"
#endif

namespace tutti::train {

#ifdef TUTTI_TRAIN_SENTENCEPIECE
namespace {

class SentencePiece final : public Tokenizer {
 public:
  explicit SentencePiece(const MappedFile& model) : path_(model.path()) {
    check(processor_.LoadFromSerializedProto(model.text()), "expected a SentencePiece model");
    mark_ = std::uint64_t{crc32c(model.bytes())} << 32 | (model.size() & 0xffffffff);
  }

  long vocabulary() const override { return processor_.GetPieceSize(); }
  std::int32_t begin_token() const override { return processor_.bos_id(); }
  std::int32_t end_token() const override { return processor_.eos_id(); }

  std::vector<std::int32_t> encode(std::string_view text) const override {
    std::vector<int> ids;
    check(processor_.Encode({text.data(), text.size()}, &ids), "cannot make tokens of a text");
    return {ids.begin(), ids.end()};
  }

  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::vector<int> ids;
    for (const std::int32_t token : tokens) {
      if (token >= 0 && token < vocabulary()) ids.push_back(token);
    }
    std::string text;
    check(processor_.Decode(ids, &text), "cannot make a text of tokens");
    return text;
  }

  std::uint64_t mark() const override { return mark_; }

 private:
  void check(const sentencepiece::util::Status& status, const char* what) const {
    if (!status.ok()) throw Failure(path_ + ": " + what + " (" + status.message() + ")");
  }

  const std::string path_;
  sentencepiece::SentencePieceProcessor processor_;
  std::uint64_t mark_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> sentencepiece_tokenizer(const std::string& path) {
  return std::make_unique<SentencePiece>(MappedFile(path));
}

#else

std::unique_ptr<Tokenizer> sentencepiece_tokenizer(const std::string& path) {
  throw Failure(path +
                ": built without SentencePiece; expected libsentencepiece-dev when CMake "
                "ran, or data that is tokens already");
}

#endif

}  // namespace tutti::train
