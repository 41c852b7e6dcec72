// Tests src/cli/statistics.cc.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include "cli/statistics.h"

namespace tutti::cli {
namespace {

TEST(CliStatistics, IterationsAreCombinedOverRanks) {
  const std::vector<double> times = {1, 2, 3, /*rank 1:*/ 5, 1, 3};
  EXPECT_EQ(over_ranks(times, 2, OverRanks::kRankZero), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(over_ranks(times, 2, OverRanks::kAverage), (std::vector<double>{3, 1.5, 3}));
  EXPECT_EQ(over_ranks(times, 2, OverRanks::kMin), (std::vector<double>{1, 1, 3}));
  EXPECT_EQ(over_ranks(times, 2, OverRanks::kMax), (std::vector<double>{5, 2, 3}));
}

TEST(CliStatistics, MedianIsTheMiddleOrBetweenTheMiddles) {
  EXPECT_EQ(summarize({9, 1, 4}), (Times{1, 4, 9}));
  EXPECT_EQ(summarize({9, 1, 4, 6}), (Times{1, 5, 9}));
  EXPECT_EQ(summarize({7}), (Times{7, 7, 7}));
  EXPECT_EQ(summarize({}), (Times{0, 0, 0}));
}

}  // namespace
}  // namespace tutti::cli
