// Tests src/schedule/stage.cc and match.cc: a schedule rewritten for buffers that peers cannot
// reach is as right as it was before, and reaches none.
// ROOMS: algorithms
// TIER: fast

#include "schedule/stage.h"

#include <gtest/gtest.h>

#include <functional>

#include "algorithms/catalog.h"
#include "groups.h"
#include "schedule/match.h"
#include "schedule/verify.h"
#include "small_schedules.h"

namespace tutti {
namespace {

constexpr int kMostRanks = 9;

void for_each_schedule(int most_ranks,
                       const std::function<void(const Algorithm&, const Schedule&)>& visit) {
  for (const Algorithm& algorithm : catalog()) {
    for (const Group& group : test::groups(1, most_ranks)) {
      if (!allows(algorithm, group)) continue;
      if (!group.hosts.empty() && allows(algorithm, group.ranks)) continue;
      SCOPED_TRACE(test::to_text(group));
      for (const int root : test::roots_of(algorithm.collective, group.ranks)) {
        visit(algorithm, algorithm.make(group, root));
      }
    }
  }
}

std::string where(const Algorithm& algorithm, const Schedule& schedule) {
  return std::string(name(algorithm.collective)) + " " + std::string(algorithm.name) + ", " +
         std::to_string(schedule.ranks) + " ranks, root " + std::to_string(schedule.root);
}

bool is_peers_buffer(const Chunk& chunk) {
  return chunk.rank != kSelf && chunk.space != Space::kScratch;
}

// The first step that touches a peer's input or output, as text; "" when there is none.
std::string reach(const Schedule& schedule) {
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (const Step& step : schedule.at(rank).steps) {
      bool reaches = is_peers_buffer(step.target);
      for (const Chunk& source : step.sources) reaches |= is_peers_buffer(source);
      if (reaches) return "rank " + std::to_string(rank) + ": " + dump(step);
    }
  }
  return "";
}

// ---- staging

TEST(Stage, EverythingStillVerifies) {
  for_each_schedule(kMostRanks, [](const Algorithm& algorithm, const Schedule& schedule) {
    EXPECT_EQ(verify(stage(schedule)), "") << where(algorithm, schedule);
  });
}

TEST(Stage, WhatWorksInPlaceStillDoes) {
  for_each_schedule(kMostRanks, [](const Algorithm& algorithm, const Schedule& schedule) {
    if (!algorithm.in_place) return;
    EXPECT_EQ(verify(stage(schedule), Placement::kInPlace), "") << where(algorithm, schedule);
  });
}

TEST(Stage, NobodyTouchesBuffersOfPeers) {
  for_each_schedule(kMostRanks, [](const Algorithm& algorithm, const Schedule& schedule) {
    EXPECT_EQ(reach(stage(schedule)), "") << where(algorithm, schedule);
  });
}

TEST(Stage, TheOrderOfReductionsStaysTheSame) {
  for_each_schedule(kMostRanks, [](const Algorithm& algorithm, const Schedule& schedule) {
    EXPECT_EQ(reduces_in_rank_order(stage(schedule)), reduces_in_rank_order(schedule))
        << where(algorithm, schedule);
  });
}

// A schedule that pushes needs no mapped memory afterwards either.
TEST(Stage, NothingIsReadThatWasPut) {
  for_each_schedule(kMostRanks, [](const Algorithm& algorithm, const Schedule& schedule) {
    EXPECT_EQ(needs_mapped(stage(schedule)), needs_mapped(schedule)) << where(algorithm, schedule);
  });
}

TEST(Stage, AScheduleThatReachesNoBufferStaysAsItIs) {
  int left_alone = 0;
  for_each_schedule(kMostRanks, [&](const Algorithm& algorithm, const Schedule& schedule) {
    if (!reach(schedule).empty()) return;
    ++left_alone;
    EXPECT_EQ(stage(schedule), schedule) << where(algorithm, schedule);
  });
  EXPECT_GT(left_alone, 0);
}

TEST(Stage, StagingTwiceIsStagingOnce) {
  for_each_schedule(5, [](const Algorithm& algorithm, const Schedule& schedule) {
    EXPECT_EQ(stage(stage(schedule)), stage(schedule)) << where(algorithm, schedule);
  });
}

TEST(Stage, APutIntoOutputIsCopiedOnByItsReceiver) {
  Schedule schedule(Collective::kSendRecv, 2, /*chunks=*/1, /*scratch_chunks=*/0);
  schedule.at(0).put(input(0), 1, output(0));
  schedule.at(1).wait(0);
  ASSERT_EQ(verify(schedule), "");
  const Schedule staged = stage(schedule);
  EXPECT_EQ(dump(staged.at(0)), "  put    input[0] -> 1:scratch[0]\n");
  EXPECT_EQ(dump(staged.at(1)), "  wait   0\n  copy   scratch[0] -> output[0]\n");
  EXPECT_EQ(staged.scratch_chunks, 1);
}

TEST(Stage, AnInputThatIsReadIsCopiedAsideAndAnnounced) {
  Schedule schedule(Collective::kSendRecv, 2, /*chunks=*/1, /*scratch_chunks=*/0);
  schedule.at(1).copy(of(0, input(0)), output(0));
  schedule.at(1).signal(0);
  schedule.at(0).wait(1);
  ASSERT_EQ(verify(schedule), "");
  const Schedule staged = stage(schedule);
  EXPECT_EQ(dump(staged.at(0)),
            "  copy   input[0] -> scratch[0]\n"
            "  signal 1 on channel 1\n"
            "  wait   1\n");
  EXPECT_EQ(dump(staged.at(1)),
            "  wait   0 on channel 1\n"
            "  copy   0:scratch[0] -> output[0]\n"
            "  signal 0\n");
}

TEST(Stage, AnOutputThatIsReadIsCopiedAsideWhereverItIsWritten) {
  Schedule schedule(Collective::kAllReduce, 2, /*chunks=*/1, /*scratch_chunks=*/1);
  schedule.at(1).put(input(0), 0, scratch(0));
  schedule.at(0).wait(1);
  schedule.at(0).reduce({input(0), scratch(0)}, output(0));
  schedule.at(0).signal(1);
  schedule.at(1).wait(0);
  schedule.at(1).copy(of(0, output(0)), output(0));
  schedule.at(1).signal(0);
  schedule.at(0).wait(1);
  ASSERT_EQ(verify(schedule), "");
  EXPECT_EQ(dump(stage(schedule).at(0)),
            "  wait   1\n"
            "  reduce input[0] + scratch[0] -> output[0]\n"
            "  copy   output[0] -> scratch[1]\n"
            "  signal 1\n"
            "  wait   1\n");
  EXPECT_EQ(dump(stage(schedule).at(1)),
            "  put    input[0] -> 0:scratch[0]\n"
            "  wait   0\n"
            "  copy   0:scratch[1] -> output[0]\n"
            "  signal 0\n");
}

// The one that pulls names its own input as it names those of peers.
TEST(Stage, SchedulesByHandStillVerify) {
  for (int ranks = 1; ranks <= 6; ++ranks) {
    EXPECT_EQ(verify(stage(ring_all_reduce_by_hand(ranks))), "") << ranks;
    EXPECT_EQ(verify(stage(pull_all_reduce_by_hand(ranks))), "") << ranks;
    EXPECT_EQ(verify(stage(dissemination_barrier_by_hand(ranks))), "") << ranks;
    for (int root = 0; root < ranks; ++root) {
      EXPECT_EQ(verify(stage(flat_broadcast_by_hand(ranks, root))), "") << ranks;
    }
  }
  EXPECT_EQ(verify(stage(credits_by_hand(3))), "");
}

// ---- mutants

// No step that staging adds is idle, and none that it keeps.
TEST(Stage, EveryStepIsNeeded) {
  int mutants = 0;
  for_each_schedule(4, [&](const Algorithm& algorithm, const Schedule& schedule) {
    const Schedule good = stage(schedule);
    for (int rank = 0; rank < good.ranks; ++rank) {
      for (std::size_t i = 0; good.ranks > 1 && i < good.at(rank).steps.size(); ++i) {
        Schedule bad = good;
        bad.at(rank).steps.erase(bad.at(rank).steps.begin() + i);
        EXPECT_NE(verify(bad), "")
            << where(algorithm, good) << ": rank " << rank << " does not need step " << i << "\n"
            << dump(good.at(rank));
        ++mutants;
      }
    }
  });
  EXPECT_GT(mutants, 1000);
}

// ---- matching

TEST(Match, PartnersAreMutual) {
  for_each_schedule(6, [](const Algorithm& algorithm, const Schedule& schedule) {
    const auto partners = match_signals(schedule);
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      const std::vector<Step>& steps = schedule.at(rank).steps;
      for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
        const StepAt partner = partners[rank][i];
        if (steps[i].peer == kSelf) {
          EXPECT_EQ(partner, StepAt{}) << where(algorithm, schedule);
          continue;
        }
        ASSERT_EQ(partner.rank, steps[i].peer) << where(algorithm, schedule);
        EXPECT_EQ(partners[partner.rank][partner.step], (StepAt{rank, i}));
        const bool takes = steps[i].kind == StepKind::kWait;
        EXPECT_NE(schedule.at(partner.rank).steps[partner.step].kind == StepKind::kWait, takes);
      }
    }
  });
}

TEST(Match, SignalsAreTakenInOrderOnEachChannel) {
  Schedule schedule(Collective::kBarrier, 2, 1, 0);
  schedule.at(0).signal(1, /*channel=*/0);
  schedule.at(0).signal(1, /*channel=*/5);
  schedule.at(0).signal(1, /*channel=*/0);
  schedule.at(1).wait(0, /*channel=*/5);
  schedule.at(1).wait(0, /*channel=*/0);
  schedule.at(1).wait(0, /*channel=*/0);
  const std::vector<StepAt> expected = {{0, 1}, {0, 0}, {0, 2}};
  EXPECT_EQ(match_signals(schedule)[1], expected);
}

TEST(Match, WhatHasNoPartnerIsSaidToHaveNone) {
  Schedule schedule(Collective::kBarrier, 2, 1, 0);
  schedule.at(0).signal(1);
  schedule.at(0).signal(1);
  schedule.at(1).wait(0);
  schedule.at(1).wait(0, /*channel=*/1);
  EXPECT_EQ(match_signals(schedule)[0][1], StepAt{});
  EXPECT_EQ(match_signals(schedule)[1][1], StepAt{});
}

}  // namespace
}  // namespace tutti
