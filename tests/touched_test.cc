// Tests src/tuner/touched.cc.
//
// ROOMS: tuner
// TIER: fast
// SANITIZERS: none

#include "tuner/touched.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

Surroundings ranks(int count) {
  return {.group = count,
          .model = default_model(),
          .cores = 0,
          .room = {std::size_t{8} << 20, lines_of(count)}};
}

double of_calls(int count, const std::vector<std::pair<Collective, std::size_t>>& calls) {
  Touched touched(ranks(count));
  for (const auto& [collective, bytes] : calls) {
    Question question;
    question.collective = collective;
    question.type = DataType::kFloat32;
    question.bytes = bytes;
    touched.add(question);
  }
  return touched.bytes();
}

TEST(Touched, NothingWithoutCallsAndLittleForSmallOnes) {
  EXPECT_EQ(of_calls(8, {}), 0);
  const double small = of_calls(8, {{Collective::kAllReduce, 8}});
  EXPECT_GT(small, 2 * 4096);
  EXPECT_LT(small, 8 * (65536 + 4096) + 1);  // lines and control of all windows
}

// Pieces of a call that is not cut lie in laps of six; so does what peers read of them.
TEST(Touched, ALargeCallTakesLapsOfItsTiles) {
  const double bytes = of_calls(2, {{Collective::kAllGather, 4 << 20}});
  EXPECT_GE(bytes, 2 * 6 * (16 << 10));
  EXPECT_LE(bytes, 2 * (6 * (128 << 10) + 65536 + 2 * 4096));
}

TEST(Touched, IsTheUnionOfAllCalls) {
  using enum Collective;
  const double gather = of_calls(4, {{kAllGather, 4 << 20}});
  const double scatter = of_calls(4, {{kReduceScatter, 4 << 20}});
  const double both = of_calls(4, {{kAllGather, 4 << 20}, {kReduceScatter, 4 << 20}});
  EXPECT_GE(both, std::max(gather, scatter));
  EXPECT_LT(both, gather + scatter);
  EXPECT_NEAR(of_calls(4, {{kAllGather, 4 << 20}, {kAllGather, 4 << 20}}), gather, 0.05 * gather);
}

// Never more than there is of all windows.
TEST(Touched, IsBounded) {
  for (const int count : {2, 3, 8}) {
    for (const Collective collective : {Collective::kAllReduce, Collective::kAllToAll}) {
      EXPECT_LE(of_calls(count, {{collective, std::size_t{1} << 30}}),
                count * ((8 << 20) + (64 << 10) + 2 * 4096));
    }
  }
}

// Pieces of a page each: of every peer's window a rank reads every eighth page, and the system maps
// those around it.
TEST(Touched, ReadsMapWhatLiesBeside) {
  const double bytes = of_calls(8, {6, {Collective::kAllReduce, 8 * 4096}});
  EXPECT_GE(bytes, 8 * 4096 * 6 * 8);
}

TEST(Touched, AMessageTakesAnInbox) {
  const double bytes = of_calls(2, {{Collective::kSendRecv, 1 << 20}});
  EXPECT_GT(bytes, 64 << 10);
  EXPECT_LE(bytes, (512 << 10) + 4 * 4096);
}

}  // namespace
}  // namespace tutti
