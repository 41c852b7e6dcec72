// Tests src/cli/shape.cc.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include "cli/shape.h"

namespace tutti::cli {
namespace {

Problem problem(Collective collective, int ranks, std::size_t bytes) {
  return {.collective = collective,
          .ranks = ranks,
          .count = count_for(collective, DataType::kFloat32, ranks, bytes)};
}

TEST(CliShape, SizesAreOfTheWholeBufferWhereItIsDividedOrGathered) {
  EXPECT_EQ(problem(Collective::kAllReduce, 4, 4096).count, 1024u);
  EXPECT_EQ(problem(Collective::kAllGather, 4, 4096).count, 256u);
  EXPECT_EQ(problem(Collective::kReduceScatter, 4, 4096).count, 256u);
  EXPECT_EQ(problem(Collective::kAllToAll, 4, 4096).count, 256u);
  EXPECT_EQ(problem(Collective::kScatter, 3, 4096).count, 341u);
  EXPECT_EQ(problem(Collective::kBroadcast, 4, 4096).count, 1024u);
  EXPECT_EQ(problem(Collective::kBarrier, 4, 4096).count, 0u);
}

TEST(CliShape, SizesRoundDownButNotToNothing) {
  EXPECT_EQ(problem(Collective::kAllReduce, 2, 7).count, 1u);
  EXPECT_EQ(problem(Collective::kAllReduce, 2, 1).count, 1u);
  EXPECT_EQ(problem(Collective::kAllReduce, 2, 0).count, 0u);
  EXPECT_EQ(problem(Collective::kAllGather, 8, 8).count, 1u);
  EXPECT_EQ(size_in_bytes(problem(Collective::kAllGather, 8, 8)), 32u);
}

TEST(CliShape, BusBandwidthHasTheFactorsOfNcclTests) {
  const auto factor = [](Collective collective) {
    const Problem p = problem(collective, 4, 4'000'000);
    return busbw(p, 1000) / algbw(p, 1000);
  };
  EXPECT_DOUBLE_EQ(algbw(problem(Collective::kAllReduce, 4, 4'000'000), 1000), 4.0);
  EXPECT_DOUBLE_EQ(factor(Collective::kAllReduce), 1.5);
  EXPECT_DOUBLE_EQ(factor(Collective::kAllGather), 0.75);
  EXPECT_DOUBLE_EQ(factor(Collective::kReduceScatter), 0.75);
  EXPECT_DOUBLE_EQ(factor(Collective::kAllToAll), 0.75);
  EXPECT_DOUBLE_EQ(factor(Collective::kGather), 0.75);
  EXPECT_DOUBLE_EQ(factor(Collective::kScatter), 0.75);
  EXPECT_DOUBLE_EQ(factor(Collective::kBroadcast), 1.0);
  EXPECT_DOUBLE_EQ(factor(Collective::kReduce), 1.0);
  EXPECT_DOUBLE_EQ(factor(Collective::kSendRecv), 1.0);
}

TEST(CliShape, InPlacePartsLieWhereTheCallsSay) {
  const std::size_t part = 256;
  EXPECT_EQ(in_place_input(problem(Collective::kAllGather, 4, 4096), 2), 2 * part);
  EXPECT_EQ(in_place_output(problem(Collective::kAllGather, 4, 4096), 2), 0u);
  EXPECT_EQ(in_place_input(problem(Collective::kReduceScatter, 4, 4096), 2), 0u);
  EXPECT_EQ(in_place_output(problem(Collective::kReduceScatter, 4, 4096), 2), 2 * part);
  EXPECT_EQ(in_place_output(problem(Collective::kAllToAll, 4, 4096), 2), 0u);
  EXPECT_EQ(in_place_input(problem(Collective::kAllReduce, 4, 4096), 2), 0u);
}

}  // namespace
}  // namespace tutti::cli
