// Tests src/schedule/schedule.cc and dump.cc.
// ROOMS: schedule
// TIER: fast

#include "schedule/schedule.h"

#include <gtest/gtest.h>

#include "small_schedules.h"

namespace tutti {
namespace {

TEST(Dump, ShowsEveryKindOfStep) {
  Schedule schedule(Collective::kAllReduce, 2, /*chunks=*/2, /*scratch_chunks=*/1);
  schedule.at(0).copy(input(0), output(0));
  schedule.at(0).put(output(1), 1, scratch(0));
  schedule.at(0).wait(1);
  schedule.at(0).reduce({scratch(0), output(0)}, output(0));
  schedule.at(0).signal(1);
  schedule.at(1).copy(of(0, input(0)), output(0));
  schedule.at(1).put(input(1), 0, output(1), /*channel=*/2);
  schedule.at(1).signal(0, /*channel=*/1);
  schedule.at(1).wait(0, /*channel=*/3);
  EXPECT_EQ(dump(schedule),
            "rank 0\n"
            "  copy   input[0] -> output[0]\n"
            "  put    output[1] -> 1:scratch[0]\n"
            "  wait   1\n"
            "  reduce scratch[0] + output[0] -> output[0]\n"
            "  signal 1\n"
            "rank 1\n"
            "  copy   0:input[0] -> output[0]\n"
            "  put    input[1] -> 0:output[1] on channel 2\n"
            "  signal 0 on channel 1\n"
            "  wait   0 on channel 3\n");
}

TEST(Dump, OfOneStepHasNoColumns) {
  Program program;
  program.put(output(1), 1, scratch(0));
  EXPECT_EQ(dump(program.steps[0]), "put output[1] -> 1:scratch[0]");
}

struct Sizes {
  int input;
  int output;
  bool operator==(const Sizes&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Sizes& sizes) {
  return out << "{" << sizes.input << ", " << sizes.output << "}";
}

Sizes sizes(Collective collective, int rank, int ranks = 3, int root = 1) {
  const Schedule schedule(collective, ranks, /*chunks=*/2, /*scratch_chunks=*/5, root);
  EXPECT_EQ(chunks_of(schedule, Space::kScratch, rank), 5);
  return {chunks_of(schedule, Space::kInput, rank), chunks_of(schedule, Space::kOutput, rank)};
}

// The table in schedule.h, for three ranks and k = 2.
TEST(ChunksOf, FollowsTheTable) {
  for (int rank = 0; rank < 3; ++rank) {
    SCOPED_TRACE(rank);
    EXPECT_EQ(sizes(Collective::kAllReduce, rank), (Sizes{2, 2}));
    EXPECT_EQ(sizes(Collective::kAllGather, rank), (Sizes{2, 6}));
    EXPECT_EQ(sizes(Collective::kReduceScatter, rank), (Sizes{6, 2}));
    EXPECT_EQ(sizes(Collective::kAllToAll, rank), (Sizes{6, 6}));
    EXPECT_EQ(sizes(Collective::kBarrier, rank), (Sizes{0, 0}));
  }
  EXPECT_EQ(sizes(Collective::kSendRecv, 0, 2), (Sizes{2, 0}));
  EXPECT_EQ(sizes(Collective::kSendRecv, 1, 2), (Sizes{0, 2}));
}

TEST(ChunksOf, GivesTheRootWhatOthersLack) {
  EXPECT_EQ(sizes(Collective::kBroadcast, 1), (Sizes{2, 2}));
  EXPECT_EQ(sizes(Collective::kBroadcast, 0), (Sizes{0, 2}));
  EXPECT_EQ(sizes(Collective::kReduce, 1), (Sizes{2, 2}));
  EXPECT_EQ(sizes(Collective::kReduce, 0), (Sizes{2, 0}));
  EXPECT_EQ(sizes(Collective::kGather, 1), (Sizes{2, 6}));
  EXPECT_EQ(sizes(Collective::kGather, 0), (Sizes{2, 0}));
  EXPECT_EQ(sizes(Collective::kScatter, 1), (Sizes{6, 2}));
  EXPECT_EQ(sizes(Collective::kScatter, 0), (Sizes{0, 2}));
}

TEST(NeedsMapped, OnlyWhereAPeerIsRead) {
  EXPECT_FALSE(needs_mapped(ring_all_reduce_by_hand(3)));
  EXPECT_TRUE(needs_mapped(pull_all_reduce_by_hand(3)));
}

TEST(NeedsMapped, NotWhereARankNamesItself) {
  Schedule schedule(Collective::kAllReduce, 1, /*chunks=*/1, /*scratch_chunks=*/0);
  schedule.at(0).copy(of(0, input(0)), output(0));
  EXPECT_FALSE(needs_mapped(schedule));
}

}  // namespace
}  // namespace tutti
