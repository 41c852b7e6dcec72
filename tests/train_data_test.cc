// Tests examples/train/data: files of tokens of every format, and samples of them.
//
// ROOMS: train
// TIER: fast

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "expect_failure.h"
#include "scratch_folder.h"
#include "train/data/permutation.h"
#include "train/data/token_samples.h"

namespace tutti::train {
namespace {

using testing::Test;
using Ids = std::vector<std::int32_t>;

std::string llm_c(std::int32_t magic, std::int32_t version, std::int32_t count,
                  const std::string& tokens) {
  std::string header = as_bytes_of(magic, version, count);
  header.resize(1024, '\0');
  return header + tokens;
}

// One sequence of three tokens and one of two.
std::string megatron_index(std::uint8_t type, std::int64_t second = 3 * 4) {
  return std::string("MMIDIDX\0\0", 9) + as_bytes_of(std::uint64_t{1}) + as_bytes_of(type) +
         as_bytes_of(std::uint64_t{2}, std::uint64_t{3}) +
         as_bytes_of(std::int32_t{3}, std::int32_t{2}) + as_bytes_of(std::int64_t{0}, second) +
         as_bytes_of(std::int64_t{0}, std::int64_t{1}, std::int64_t{2});
}

Ids all_of(const Corpus& tokens) {
  Ids ids(tokens.size());
  tokens.read(0, ids);
  return ids;
}
Ids read_ids(const std::string& path, long vocabulary = 100) {
  return all_of(open_corpus({path}, nullptr, vocabulary));
}
std::string refusal(const std::string& path) {
  return failure_of([&] { read_ids(path); });
}

class TokenFiles : public Test {
 protected:
  const ScratchFolder folder_;
  const Ids ids_ = {7, 0, 99, 13, 1};
  const std::string as_uint16_ = as_bytes_of(std::vector<std::uint16_t>{7, 0, 99, 13, 1});
  const std::string as_uint32_ = as_bytes_of(std::vector<std::uint32_t>{7, 0, 99, 13, 1});
};

TEST_F(TokenFiles, TextIsItsBytes) {
  EXPECT_EQ(read_ids(folder_.file("a.txt", "Aé\n"), 256), (Ids{65, 0xC3, 0xA9, 10}));
}

TEST_F(TokenFiles, EveryFormatIsTold) {
  EXPECT_EQ(read_ids(folder_.file("nano.bin", as_uint16_)), ids_);
  EXPECT_EQ(read_ids(folder_.file("gpt2.bin", llm_c(20240520, 1, 5, as_uint16_))), ids_);
  EXPECT_EQ(read_ids(folder_.file("llama3.bin", llm_c(20240801, 7, 5, as_uint32_))), ids_);
  const std::string tokens = folder_.file("megatron.bin", as_uint32_);
  const std::string index = folder_.file("megatron.idx", megatron_index(4));
  EXPECT_EQ(read_ids(tokens), ids_);
  EXPECT_EQ(read_ids(index), ids_);
  folder_.file("narrow.bin", as_uint16_);
  EXPECT_EQ(read_ids(folder_.file("narrow.idx", megatron_index(8, 3 * 2))), ids_);
}

TEST_F(TokenFiles, SeveralFilesAreOneRun) {
  const std::string a = folder_.file("a.txt", "abc");
  const std::string empty = folder_.file("empty.txt", "");
  const std::string b = folder_.file("b.txt", "de");
  const Corpus tokens = open_corpus({a, empty, b}, nullptr, 256);
  EXPECT_EQ(tokens.size(), 5u);
  Ids across(3);
  tokens.read(2, across);
  EXPECT_EQ(across, (Ids{'c', 'd', 'e'}));
  EXPECT_EQ(tokens.describe(), "3 files, 5 tokens (text, byte by byte)");
}

TEST_F(TokenFiles, AFolderIsItsFilesEachOnce) {
  folder_.file("b", "second");
  folder_.file("a", "first");
  folder_.file("a.tokens-0-1-2", std::string(4, '\0'));
  std::filesystem::create_symlink(folder_ / "a", folder_ / "another-name");
  std::filesystem::create_directory(folder_ / "inner");
  EXPECT_EQ(open_corpus({folder_.path()}, nullptr, 256).size(), 11u);
  EXPECT_EQ(refusal(folder_ / "inner"),
            folder_ / "inner: a folder without files; expected text or tokens");
}

// Indices and offsets beyond 32 bits; the file is a hole but for its end.
TEST_F(TokenFiles, MayBeLargerThanFourBillionTokens) {
  const std::string path = folder_ / "large.bin";
  const std::uint64_t count = (std::uint64_t{1} << 32) + 3;
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  const std::uint16_t last = 42;
  const auto offset = static_cast<off_t>((count - 1) * sizeof last);
  const ssize_t written = ::pwrite(file, &last, sizeof last, offset);
  ::close(file);
  if (written != sizeof last) GTEST_SKIP() << "no room for a file of 8 GiB with a hole";
  const Corpus tokens = open_corpus({path}, nullptr, 100);
  EXPECT_EQ(tokens.size(), count);
  Ids end(2);
  tokens.read(count - 2, end);
  EXPECT_EQ(end, (Ids{0, 42}));
}

TEST_F(TokenFiles, WhatIsNotTokensIsRefusedWithPlaceAndValue) {
  EXPECT_EQ(refusal(folder_ / "missing.txt"),
            folder_ / "missing.txt: cannot read: No such file or directory");
  EXPECT_EQ(refusal(folder_.file("tokens.txt", std::string("ab\0c", 4))),
            folder_ /
                "tokens.txt: at byte 2: value 0; expected text (files of tokens are named "
                ".bin)");
  EXPECT_EQ(refusal(folder_.file("odd.bin", "abc")),
            folder_ /
                "odd.bin: 3 bytes and no magic of llm.c; expected nanoGPT's tokens of 2 "
                "bytes each");
}

TEST_F(TokenFiles, HeadersOfLlmCMustBeTrue) {
  EXPECT_EQ(refusal(folder_.file("v.bin", llm_c(20240520, 2, 5, as_uint16_))),
            folder_ / "v.bin: at byte 4: version 2; expected 1 with magic 20240520");
  EXPECT_EQ(refusal(folder_.file("n.bin", llm_c(20240801, 7, 6, as_uint32_))),
            folder_ /
                "n.bin: at byte 8: 6 tokens of 4 bytes, but 20 bytes follow the header; "
                "expected 5");
  EXPECT_EQ(refusal(folder_.file("m.bin", llm_c(20240520, 1, -1, as_uint16_))),
            folder_ /
                "m.bin: at byte 8: -1 tokens of 2 bytes, but 10 bytes follow the header; "
                "expected 5");
  EXPECT_EQ(refusal(folder_.file("s.bin", as_bytes_of(std::int32_t{20240520}))),
            folder_ /
                "s.bin: at byte 0: magic of llm.c in a file of 4 bytes; expected a header of "
                "1024");
  EXPECT_EQ(refusal(folder_.file("q.bin", llm_c(20240522, 1, 5, as_uint16_))),
            folder_ /
                "q.bin: at byte 0: magic 20240522, llm.c's multiple-choice questions; "
                "expected tokens (20240520)");
}

TEST_F(TokenFiles, IndicesOfMegatronMustBeTrue) {
  const auto refused = [&](const std::string& index, const std::string& tokens) {
    folder_.file("x.bin", tokens);
    return refusal(folder_.file("x.idx", index)).substr(folder_.path().size() + 1);
  };
  EXPECT_EQ(refused(megatron_index(6), as_uint32_),
            "x.idx: at byte 17: type 6; expected integers: 1 to 5, or 8");
  EXPECT_EQ(refused(megatron_index(4, 16), as_uint32_),
            "x.idx: at byte 50: sequence 1 begins at byte 16; expected 12, the end of the one "
            "before");
  EXPECT_EQ(
      refused(megatron_index(4), as_uint32_ + "more"),
      "x.bin: 24 bytes; expected 20, for " + (folder_ / "x.idx") + " says 5 tokens of 4 bytes");
  std::string many = megatron_index(4);
  many.replace(18, 8, as_bytes_of(std::uint64_t{1} << 60));
  EXPECT_EQ(refused(many, as_uint32_),
            "x.idx: at byte 18: 1152921504606846976 sequences; the file has room for 4");
  EXPECT_EQ(refused("MMI", as_uint32_),
            "x.idx: at byte 0: expected MMIDIDX, the magic of a "
            "Megatron index");
}

TEST_F(TokenFiles, TokensOutsideTheVocabularyAreRefusedWithTheirPlace) {
  const Corpus tokens =
      open_corpus({folder_.file("gpt2.bin", llm_c(20240520, 1, 5, as_uint16_))}, nullptr, 99);
  Ids ids(2);
  tokens.read(0, ids);
  EXPECT_EQ(failure_of([&] { tokens.read(1, ids); }),
            folder_ /
                "gpt2.bin: token 2 (byte 1028) is 99; expected less than 99, the model's "
                "vocabulary");
  folder_.file("signed.bin", as_bytes_of(std::vector<std::int32_t>{1, -5, 1, 1, 1}));
  EXPECT_EQ(refusal(folder_.file("signed.idx", megatron_index(4))),
            folder_ /
                "signed.bin: token 1 (byte 4) is -5; expected less than 100, the model's "
                "vocabulary");
}

TEST(Permutation, IsOneOfAllNumbers) {
  for (std::uint64_t count = 1; count <= 300; ++count) {
    std::set<std::uint64_t> places;
    for (std::uint64_t i = 0; i < count; ++i) {
      places.insert(permuted(i, count, RandomStream(1, "order")));
    }
    EXPECT_EQ(places.size(), count);
    EXPECT_EQ(*places.rbegin(), count - 1);
  }
}

// Chi-square of where each of 8 numbers lands over 4,000 orders: 49 degrees of freedom, of which
// one in a million exceeds 116.
TEST(Permutation, EveryPlaceIsAsLikely) {
  constexpr std::uint64_t kCount = 8;
  constexpr int kOrders = 4000;
  std::vector<int> landed(kCount * kCount);
  for (int order = 0; order < kOrders; ++order) {
    const RandomStream random(9, "order " + std::to_string(order));
    for (std::uint64_t i = 0; i < kCount; ++i) ++landed[i * kCount + permuted(i, kCount, random)];
  }
  const double expected = static_cast<double>(kOrders) / kCount;
  double chi_square = 0;
  for (const int count : landed) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 116);
}

// Tokens that say where they are.
class SamplesOfTokens : public Test {
 protected:
  Corpus tokens(int count) const {
    std::vector<std::uint16_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return open_corpus({folder_.file("numbers.bin", as_bytes_of(numbers))}, nullptr, 60000);
  }
  const ScratchFolder folder_;
};

TEST_F(SamplesOfTokens, AnEpochHasEveryWindowOnce) {
  const Corpus all = tokens(1000);
  const TokenSamples samples(all, {100, 900}, SampleOrder::kShuffled, 3);
  const std::uint64_t windows = samples.windows(16);
  EXPECT_EQ(windows, 799u / 16);
  std::vector<Ids> epochs;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    Ids firsts;
    for (std::uint64_t i = 0; i < windows; ++i) {
      const Ids sample = samples.sample(epoch * windows + i, 16);
      ASSERT_EQ(sample.size(), 17u);
      for (int k = 1; k <= 16; ++k) ASSERT_EQ(sample[k], sample[0] + k);
      firsts.push_back(sample.front());
    }
    epochs.push_back(firsts);
    std::sort(firsts.begin(), firsts.end());
    EXPECT_GE(firsts.front(), 100);
    EXPECT_LT(firsts.back() + 16, 900);
    for (std::uint64_t i = 1; i < windows; ++i) EXPECT_EQ(firsts[i], firsts[i - 1] + 16);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
}

TEST_F(SamplesOfTokens, DependOnNumberAndSeedAlone) {
  const Corpus all = tokens(5000);
  const TokenSamples one(all, {0, 5000}, SampleOrder::kShuffled, 3);
  const TokenSamples same(all, {0, 5000}, SampleOrder::kShuffled, 3);
  const TokenSamples other(all, {0, 5000}, SampleOrder::kShuffled, 4);
  int differ = 0;
  for (std::uint64_t n = 400; n-- > 0;) {
    EXPECT_EQ(one.sample(n, 32), same.sample(n, 32));
    differ += one.sample(n, 32) != other.sample(n, 32);
  }
  EXPECT_GT(differ, 350);
}

TEST_F(SamplesOfTokens, InOrderOneFollowsTheOther) {
  const Corpus all = tokens(50);
  const TokenSamples samples(all, {10, 43}, SampleOrder::kInOrder, 3);
  EXPECT_EQ(samples.windows(16), 2u);
  EXPECT_EQ(samples.sample(0, 16).front(), 10);
  EXPECT_EQ(samples.sample(1, 16).front(), 26);
  EXPECT_EQ(samples.sample(1, 16).back(), 42);
  EXPECT_EQ(samples.sample(2, 16).front(), 10);
}

TEST_F(SamplesOfTokens, TooFewTokensAreRefused) {
  const Corpus all = tokens(40);
  const TokenSamples samples(all, {30, 40}, SampleOrder::kShuffled, 3);
  EXPECT_EQ(samples.windows(9), 1u);
  EXPECT_EQ(failure_of([&] { samples.sample(0, 10); }),
            "tokens 30 to 40 of the data: sequences of 10 need 11 tokens, and there are 10; "
            "expected more data, a larger share of it, or shorter sequences");
}

TEST(SplitAtEnd, LeavesTheEndForValidation) {
  const Split split = split_at_end(1000, 0.1);
  EXPECT_EQ(split.training, (TokenRange{0, 900}));
  EXPECT_EQ(split.validation, (TokenRange{900, 1000}));
  EXPECT_EQ(split_at_end(1000, 0).validation.size(), 0u);
  EXPECT_EQ(failure_of([] { split_at_end(10, 1); }),
            "validation share 1.000000; expected 0 or more, and less than 1");
}

}  // namespace
}  // namespace tutti::train
