// Tests topology/number_list.cc.
//
// ROOMS: topology
// TIER: fast

#include "topology/number_list.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

using Numbers = std::vector<int>;

TEST(NumberList, WritesRunsAsRanges) {
  EXPECT_EQ(to_list({}), "");
  EXPECT_EQ(to_list({7}), "7");
  EXPECT_EQ(to_list({0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(to_list({0, 1, 0, 1}), "0-1,0-1") << "the order stays";
  EXPECT_EQ(to_list({3, 2, 2}), "3,2,2");
}

TEST(NumberList, ReadsThemBack) {
  for (const Numbers& numbers : {Numbers{}, Numbers{7}, Numbers{0, 1, 2, 3, 8}, Numbers{3, 2, 2},
                                 Numbers{0, 1, 0, 1}, Numbers{kNumberLimit - 1}}) {
    EXPECT_EQ(from_list(to_list(numbers), 100), numbers) << to_list(numbers);
  }
}

TEST(NumberList, ReadsNothingElse) {
  for (const char* text :
       {",", "1,", ",1", "1,,2", "a", "1-", "-1", "3-1", "1-2-3", " 1", "65536", "0-65536", "1 "}) {
    EXPECT_FALSE(from_list(text, 1 << 20)) << text;
  }
}

TEST(NumberList, ReadsNoMoreThanAsked) {
  EXPECT_TRUE(from_list("0-99", 100));
  EXPECT_FALSE(from_list("0-99", 99));
  EXPECT_FALSE(from_list("0-98,1", 99));
}

TEST(NumberMask, HighestGroupComesFirst) {
  EXPECT_EQ(to_mask({}), "00000000");
  EXPECT_EQ(to_mask({0, 31}), "80000001");
  EXPECT_EQ(to_mask({32, 4}), "00000001,00000010");
  EXPECT_EQ(from_mask("00000001,00000010"), (Numbers{4, 32}));
  EXPECT_EQ(from_mask("0f,0"), (Numbers{32, 33, 34, 35})) << "groups may be short";
  EXPECT_EQ(from_mask(""), Numbers());
}

TEST(NumberMask, ReadsNothingElse) {
  for (const char* text : {",", "1,", ",1", "g", "-1", "1ffffffff", "0x", " 1"}) {
    EXPECT_FALSE(from_mask(text)) << text;
  }
  std::string groups = "1";
  for (int i = 1; i < kNumberLimit / 32; ++i) groups += ",0";
  EXPECT_TRUE(from_mask(groups));
  EXPECT_FALSE(from_mask(groups + ",0"));
}

TEST(NumberPieces, AreListsOfTheirOwn) {
  EXPECT_EQ(in_pieces("", 11), std::vector<std::string>());
  EXPECT_EQ(in_pieces("0-3,8", 11), std::vector<std::string>{"0-3,8"});
  EXPECT_EQ(in_pieces("10000-10001,5,6,7,8,9,10", 11),
            (std::vector<std::string>{"10000-10001", "5,6,7,8,9", "10"}));
}

}  // namespace
}  // namespace tutti
