// Tests src/cli/sizes.cc.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include "cli/sizes.h"

namespace tutti::cli {
namespace {

TEST(CliSizes, ParseBytesTakesSuffixesOfPowersOf1024) {
  EXPECT_EQ(parse_bytes("-b", "0").value(), 0u);
  EXPECT_EQ(parse_bytes("-b", "8").value(), 8u);
  EXPECT_EQ(parse_bytes("-b", "8B").value(), 8u);
  EXPECT_EQ(parse_bytes("-b", "4k").value(), 4096u);
  EXPECT_EQ(parse_bytes("-b", "1.5M").value(), 1572864u);
  EXPECT_EQ(parse_bytes("-b", "2GiB").value(), std::size_t{2} << 30);
  EXPECT_EQ(parse_bytes("-b", "1T").value(), std::size_t{1} << 40);
}

TEST(CliSizes, ParseBytesNamesTheOptionAndTheValueItRefuses) {
  for (const char* text : {"", "K", "8X", "8KiBs", "-8", "-0", "0x10", "nan", "inf", "1e3", " 8"}) {
    const auto result = parse_bytes("-b", text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.status().message(),
              std::string("-b ") + text + ": expected a size such as 64, 8K, 1.5M or 2G");
  }
  for (const std::string& text :
       {std::string("2000000G"), std::string(400, '9'), std::string("9999999999999999999999")}) {
    EXPECT_EQ(parse_bytes("-e", text).status().message(),
              "-e " + text + ": expected at most 1125899906842624 bytes");
  }
}

TEST(CliSizes, ParseIntegerRefusesWhatOverflows) {
  EXPECT_EQ(parse_integer("-n", "20", 1, 100).value(), 20);
  for (const char* text : {"0", "101", "20x", "", "2.5", "99999999999999999999999"}) {
    EXPECT_EQ(parse_integer("-n", text, 1, 100).status().message(),
              std::string("-n ") + text + ": expected a whole number from 1 to 100");
  }
}

TEST(CliSizes, FactorsMultiplyAndStepsAdd) {
  EXPECT_EQ(sizes_of({.begin = 8, .end = 70, .step = 1, .factor = 2}),
            (std::vector<std::size_t>{8, 16, 32, 64}));
  EXPECT_EQ(sizes_of({.begin = 8, .end = 20, .step = 6, .factor = 0}),
            (std::vector<std::size_t>{8, 14, 20}));
  EXPECT_EQ(sizes_of({.begin = 64, .end = 64}), (std::vector<std::size_t>{64}));
}

TEST(CliSizes, FactorsMoveOnFromZeroAndFromOne) {
  EXPECT_EQ(sizes_of({.begin = 0, .end = 5, .step = 1, .factor = 2}),
            (std::vector<std::size_t>{0, 1, 2, 4}));
  EXPECT_EQ(sizes_of({.begin = 1, .end = 4, .step = 1, .factor = 1.2}),
            (std::vector<std::size_t>{1, 2, 3, 4}));
}

TEST(CliSizes, TooManySizesStopEarly) {
  EXPECT_EQ(sizes_of({.begin = 0, .end = kMaxBytes, .step = 1, .factor = 0}).size(), kMaxSizes + 1);
}

TEST(CliSizes, ShortBytesIsExact) {
  EXPECT_EQ(short_bytes(0), "0");
  EXPECT_EQ(short_bytes(1000), "1000");
  EXPECT_EQ(short_bytes(1024), "1K");
  EXPECT_EQ(short_bytes(std::size_t{128} << 20), "128M");
  EXPECT_EQ(short_bytes((std::size_t{1} << 20) + 1), "1048577");
}

}  // namespace
}  // namespace tutti::cli
