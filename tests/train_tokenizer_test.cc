// Tests examples/train/data: tokenizers, and texts that they make tokens.
//
// ROOMS: train
// TIER: fast

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "expect_failure.h"
#include "scratch_folder.h"
#include "train/data/corpus.h"

namespace tutti::train {
namespace {

using Ids = std::vector<std::int32_t>;

TEST(ByteTokenizer, GoesThereAndBack) {
  const auto tokenizer = byte_tokenizer();
  EXPECT_EQ(tokenizer->vocabulary(), 256);
  EXPECT_EQ(tokenizer->encode("Aé"), (Ids{65, 0xC3, 0xA9}));
  EXPECT_EQ(tokenizer->decode(Ids{65, 300, -1, 0xC3, 0xA9}), "Aé");
}

// ---- A tokenizer.model, made by hand: sentencepiece_model.proto, in Protocol Buffers' encoding.

std::string field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}
std::string field(int number, int value) {
  return std::string{static_cast<char>(number << 3), static_cast<char>(value)};
}
std::string field(int number, float value) {
  return static_cast<char>(number << 3 | 5) + as_bytes_of(value);
}

enum Kind { kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6 };

std::string piece(const std::string& text, float score, Kind kind) {
  return field(1, field(1, text) + field(2, score) + field(3, kind));
}

// As Llama's: byte pair encoding that falls back to bytes; no word of the letter z.
std::string model() {
  std::string pieces =
      piece("<unk>", 0, kUnknown) + piece("<s>", 0, kControl) + piece("</s>", 0, kControl);
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    pieces += piece(name, 0, kByte);
  }
  float score = 0;
  for (const char* const text : {"▁a", "ab", "▁", "a", "b"}) {
    pieces += piece(text, score, kNormal);
    score -= 1;
  }
  constexpr int kModelType = 3, kBytePairs = 2;
  const std::string byte_fallback = {static_cast<char>(0x98), static_cast<char>(0x02), 1};  // 35
  const std::string trainer = field(kModelType, kBytePairs) + byte_fallback;
  // add_dummy_prefix, no remove_extra_whitespaces, escape_whitespaces
  const std::string normalizer = field(1, "identity") + field(3, 1) + field(4, 0) + field(5, 1);
  return pieces + field(2, trainer) + field(3, normalizer);
}

class SentencePieceText : public testing::Test {
 protected:
  void SetUp() override {
#ifndef TUTTI_TRAIN_SENTENCEPIECE
    GTEST_SKIP() << "built without SentencePiece";
#endif
    tokenizer_ = sentencepiece_tokenizer(folder_.file("tokenizer.model", model()));
  }

  Ids tokens_of(const std::string& path) const {
    const Corpus tokens = open_corpus({path}, tokenizer_.get(), 1000);
    Ids ids(tokens.size());
    tokens.read(0, ids);
    return ids;
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      if (entry.path().string().find(".tokens-") != std::string::npos) {
        names.push_back(entry.path().string());
      }
    }
    return names;
  }

  const ScratchFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

constexpr std::int32_t kBegin = 1, kEnd = 2, kBytes = 3, kSpaceA = 259, kAb = 260, kB = 263;

TEST_F(SentencePieceText, GoesThereAndBack) {
  EXPECT_EQ(tokenizer_->vocabulary(), 264);
  const Ids ids = tokenizer_->encode("a\nabz");
  EXPECT_EQ(ids, (Ids{kSpaceA, kBytes + '\n', kAb, kBytes + 'z'}));
  EXPECT_EQ(tokenizer_->decode(ids), "a\nabz");
  EXPECT_EQ(tokenizer_->decode(Ids{kBegin, kSpaceA, 999, -1, kB, kEnd}), "ab");
}

TEST_F(SentencePieceText, IsMadeTokensOnce) {
  const std::string text = folder_.file("corpus.txt", "a\nab");
  const Ids expected = {kBegin, kSpaceA, kBytes + '\n', kAb, kEnd};
  EXPECT_EQ(tokens_of(text), expected);
  ASSERT_EQ(kept().size(), 1u);
  // What is kept is what is read.
  folder_.file(std::filesystem::path(kept()[0]).filename().string(), as_bytes_of(Ids{5, 6}));
  EXPECT_EQ(tokens_of(text), (Ids{5, 6}));
  // Another text of the same name has other tokens.
  folder_.file("corpus.txt", "b");
  EXPECT_EQ(tokens_of(text).size(), 4u);
  EXPECT_EQ(kept().size(), 2u);
}

TEST_F(SentencePieceText, LongTextsAreCutAtLines) {
  std::string text;
  while (text.size() < (5 << 18)) text += "ab abba\n";
  std::string back = tokenizer_->decode(tokens_of(folder_.file("long.txt", text)));
  // Each piece begins with a space, as a text does.
  const std::size_t space = back.find("\n ");
  ASSERT_NE(space, std::string::npos);
  EXPECT_EQ(back.erase(space + 1, 1), text);
}

TEST_F(SentencePieceText, RanksAtOnceMakeTheSameTokens) {
  const std::string text = folder_.file("corpus.txt", "a\nab");
  std::vector<Ids> ids(4);
  std::vector<std::thread> ranks;
  for (Ids& mine : ids) ranks.emplace_back([&] { mine = tokens_of(text); });
  for (std::thread& rank : ranks) rank.join();
  for (const Ids& mine : ids) EXPECT_EQ(mine, ids[0]);
  EXPECT_EQ(kept().size(), 1u);
}

// A file's folder may be one where nothing can be written. (Root can write anywhere but here.)
TEST_F(SentencePieceText, IsInMemoryWhereNothingCanBeWritten) {
  const std::string text = folder_.file("corpus.txt", "a\nab");
  const std::string name(240, 'n');
  std::filesystem::rename(text, folder_ / name);  // a longer one is no name of a file
  EXPECT_EQ(tokens_of(folder_ / name), (Ids{kBegin, kSpaceA, kBytes + '\n', kAb, kEnd}));
  EXPECT_TRUE(kept().empty());
}

TEST_F(SentencePieceText, ModelsThatAreNoneAreRefused) {
  const std::string path = folder_.file("bad.model", "not a model");
  EXPECT_TRUE(failure_of([&] {
                sentencepiece_tokenizer(path);
              }).starts_with(path + ": expected a SentencePiece model ("));
  EXPECT_EQ(failure_of([&] { open_corpus({path}, tokenizer_.get(), 256); }),
            "the tokenizer has 264 words, the model's vocabulary 256; expected as many or more");
}

#ifndef TUTTI_TRAIN_SENTENCEPIECE
TEST(SentencePiece, SaysWhenItIsNotBuilt) {
  EXPECT_EQ(failure_of([] { sentencepiece_tokenizer("tokenizer.model"); }),
            "tokenizer.model: built without SentencePiece; expected libsentencepiece-dev when "
            "CMake ran, or data that is tokens already");
}
#endif

}  // namespace
}  // namespace tutti::train
