// Tests examples/train/random.h.
//
// ROOMS: train
// SANITIZERS: none

#include <gtest/gtest.h>

#include <set>

#include "train/random.h"

namespace tutti::train {
namespace {

// From kat_vectors of the authors' Random123: philox4x32, 10 rounds.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, IsAFunctionOfSeedNameAndNumber) {
  const RandomStream stream(1, "a");
  EXPECT_EQ(stream.bits(5), RandomStream(1, "a").bits(5));
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{1} << 32}) {
    for (const char* name : {"a", "b", ""}) {
      for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32}) {
        seen.insert(RandomStream(seed, name).bits(n));
      }
    }
  }
  EXPECT_EQ(seen.size(), 18u);
}

TEST(RandomStream, UniformNumbersHaveTheirMoments) {
  const RandomStream stream(3, "uniform");
  constexpr int kCount = 100'000;
  double sum = 0, squares = 0;
  for (int n = 0; n < kCount; ++n) {
    const double u = stream.uniform(static_cast<std::uint64_t>(n));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.005);  // five standard deviations
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 0.005);
}

TEST(RandomStream, NormalNumbersHaveTheirMoments) {
  const RandomStream stream(3, "normal");
  constexpr int kCount = 100'000;
  double sum = 0, squares = 0, fourths = 0;
  for (int n = 0; n < kCount; ++n) {
    const double z = stream.normal(static_cast<std::uint64_t>(n));
    sum += z;
    squares += z * z;
    fourths += z * z * z * z;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.016);
  EXPECT_NEAR(squares / kCount, 1, 0.023);
  EXPECT_NEAR(fourths / kCount, 3, 0.16);
}

TEST(RandomStream, NumbersBelowALimitAreFair) {
  const RandomStream stream(3, "below");
  std::array<int, 7> times = {};
  for (std::uint64_t n = 0; n < 70'000; ++n) ++times.at(stream.below(n, 7));
  for (const int count : times) EXPECT_NEAR(count, 10'000, 470);
  EXPECT_EQ(stream.below(0, 1), 0u);
}

}  // namespace
}  // namespace tutti::train
