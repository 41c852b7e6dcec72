// Tests src/plan/plan.cc: what a program becomes for an executor.
// ROOMS: plan algorithms
// TIER: fast

#include "plan/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "algorithms/catalog.h"
#include "groups.h"
#include "schedule/stage.h"
#include "schedule/verify.h"

namespace tutti {
namespace {

bool everybody(int) { return true; }
bool nobody(int) { return false; }

Schedule make(Collective collective, std::string_view name, int ranks, int root = 0) {
  return find_algorithm(collective, name)->make(ranks, root);
}

Schedule two_shot(int ranks) { return make(Collective::kAllReduce, "two_shot", ranks); }

Plan lower_mapped(const Schedule& schedule, int rank) {
  return lower(schedule, rank, /*inline_payload=*/false, everybody);
}
Plan lower_unmapped(const Schedule& schedule, int rank) {
  return lower(schedule, rank, /*inline_payload=*/false, nobody);
}
Plan lower_inline(const Schedule& schedule, int rank) {
  return lower(schedule, rank, /*inline_payload=*/true, everybody);
}

// ---- small enough to check by eye

TEST(Plan, ResultsAreStoredHereAndThereInOnePass) {
  EXPECT_EQ(dump(lower_mapped(two_shot(2), 0)),
            "  move   input[1] -> 1:scratch[0]\n"
            "  signal 1 line 0\n"
            "  wait   1 line 0\n"
            "  move   input[0] + scratch[0] -> output[0], 1:output[0]\n"
            "  signal 1 line 1\n"
            "  wait   1 line 1\n");
}

// The chunks that land, by wait; -1 for those that go to the window.
std::vector<int> landings(const Plan& plan) {
  std::vector<int> lands;
  for (const Instruction& instruction : plan.instructions) {
    if (instruction.action == Action::kWait) lands.push_back(instruction.lands);
  }
  return lands;
}

TEST(Plan, DataLandsWhereTheNextInstructionIsAllThatUsesIt) {
  // Sums of what came, then results of others, copied on.
  EXPECT_EQ(landings(lower_unmapped(stage(two_shot(2)), 0)), (std::vector<int>{0, 1}));
  // Of three, the first to be waited for has to lie until the second is there.
  EXPECT_EQ(landings(lower_unmapped(make(Collective::kAllReduce, "one_shot", 3), 0)),
            (std::vector<int>{-1, 1}));
  // What is passed on must lie while it is put.
  EXPECT_EQ(landings(lower_unmapped(stage(make(Collective::kAllGather, "ring", 3)), 0)),
            (std::vector<int>{0, 1}));
  EXPECT_EQ(landings(lower_unmapped(make(Collective::kReduceScatter, "ring", 3), 0)),
            (std::vector<int>{-1, 1}));
  EXPECT_EQ(landings(lower_inline(two_shot(2), 0)), (std::vector<int>{-1, -1}));
}

TEST(Plan, WhatIsNotMappedIsPutByItself) {
  EXPECT_EQ(dump(lower_unmapped(stage(two_shot(2)), 0)),
            "  move   input[1] -> 1:scratch[0]\n"
            "  signal 1 line 0\n"
            "  wait   1 line 0\n"
            "  move   input[0] + scratch[0] -> output[0]\n"
            "  move   output[0] -> 1:scratch[1]\n"
            "  signal 1 line 1\n"
            "  wait   1 line 1\n"
            "  move   scratch[1] -> output[1]\n");
}

TEST(Plan, PayloadTravelsInTheSignals) {
  EXPECT_EQ(dump(lower_inline(two_shot(2), 0)),
            "  signal 1 line 0 with input[1]\n"
            "  wait   1 line 0 into scratch[0]\n"
            "  move   input[0] + scratch[0] -> output[0]\n"
            "  signal 1 line 1 with output[0]\n"
            "  wait   1 line 1 into output[1]\n");
}

TEST(Plan, OnlyPeersThatAreMappedAreWrittenInOnePass) {
  Schedule schedule(Collective::kBroadcast, 3, /*chunks=*/1, /*scratch_chunks=*/1);
  for (const int peer : {1, 2}) {
    schedule.at(0).put(input(0), peer, scratch(0));
    schedule.at(peer).wait(0);
    schedule.at(peer).copy(scratch(0), output(0));
  }
  schedule.at(0).copy(input(0), output(0));
  ASSERT_EQ(verify(schedule), "");
  EXPECT_EQ(dump(lower(schedule, 0, /*inline_payload=*/false, [](int peer) { return peer == 2; })),
            "  move   input[0] -> 1:scratch[0]\n"
            "  signal 1 line 0\n"
            "  move   input[0] -> 2:scratch[0], output[0]\n"
            "  signal 2 line 0\n");
}

TEST(Plan, NothingIsMovedAcrossAWait) {
  Schedule schedule(Collective::kSendRecv, 2, /*chunks=*/1, /*scratch_chunks=*/1);
  schedule.at(0).put(input(0), 1, scratch(0));
  schedule.at(1).wait(0);
  schedule.at(1).signal(0);
  schedule.at(0).wait(1);
  schedule.at(0).put(input(0), 1, output(0));
  schedule.at(1).wait(0);
  ASSERT_EQ(verify(schedule), "");
  EXPECT_EQ(dump(lower_mapped(schedule, 0)),
            "  move   input[0] -> 1:scratch[0]\n"
            "  signal 1 line 0\n"
            "  wait   1 line 0\n"
            "  move   input[0] -> 1:output[0]\n"
            "  signal 1 line 1\n");
}

// ---- copies that only guard against late reads

// Both ranks keep what they will send, let the peer write, and send. In place, the peer's put lands
// where the input was: what was kept is not there any more.
Schedule exchange_after_permission() {
  Schedule schedule(Collective::kAllToAll, 2, /*chunks=*/1, /*scratch_chunks=*/1);
  for (int rank = 0; rank < 2; ++rank) {
    const int peer = 1 - rank;
    schedule.at(rank).copy(input(peer), scratch(0));
    schedule.at(rank).signal(peer);
    schedule.at(rank).wait(peer);
    schedule.at(rank).put(scratch(0), peer, output(rank));
    schedule.at(rank).wait(peer);
    schedule.at(rank).copy(input(rank), output(rank));
  }
  return schedule;
}

TEST(Plan, AnInputThatPeersMayOverwriteIsKept) {
  const Schedule schedule = exchange_after_permission();
  ASSERT_EQ(verify(schedule), "");
  ASSERT_EQ(verify(schedule, Placement::kInPlace), "");
  EXPECT_EQ(dump(lower_mapped(schedule, 0)),
            "  move   input[1] -> scratch[0]\n"
            "  signal 1 line 0\n"
            "  wait   1 line 0\n"
            "  move   scratch[0] -> 1:output[0]\n"
            "  signal 1 line 1\n"
            "  wait   1 line 1\n"
            "  move   input[0] -> output[0]\n");
}

TEST(Plan, AnInputThatNobodyOverwritesNeedsNoCopy) {
  EXPECT_EQ(dump(lower_mapped(stage(exchange_after_permission()), 0)),
            "  signal 1 line 0\n"
            "  wait   1 line 0\n"
            "  move   input[1] -> 1:scratch[1]\n"
            "  signal 1 line 1\n"
            "  wait   1 line 1\n"
            "  move   scratch[1] -> output[1]\n"
            "  move   input[0] -> output[0]\n");
}

TEST(Plan, APutThatIsReadLateNeedsItsCopy) {
  EXPECT_EQ(lower_unmapped(stage(exchange_after_permission()), 0).instructions[0].targets[0],
            scratch(0));
}

// ---- stores past the caches

TEST(Plan, OutputsThatNobodyReadsAreStreamed) {
  const Plan plan = lower_mapped(two_shot(2), 0);
  EXPECT_EQ(plan.instructions[0].stream_mask, 0u) << "scratch is read by its owner";
  EXPECT_EQ(plan.instructions[3].stream_mask, 0b11u);
}

TEST(Plan, OutputsThatAreReadAreNotStreamed) {
  for (const Instruction& instruction :
       lower_mapped(make(Collective::kAllGather, "ring", 3), 0).instructions) {
    for (std::size_t t = 0; t < instruction.targets.size(); ++t) {
      const Chunk& target = instruction.targets[t];
      // Rank 1 passes on all chunks but the one that it got last, which is rank 2's.
      const bool is_last = target == of(1, output(2));
      const bool is_streamed = (instruction.stream_mask >> t & 1) != 0;
      EXPECT_EQ(is_streamed, is_last || target.rank == kSelf) << dump(target);
    }
  }
}

// ---- every algorithm

void for_each_plan(const std::function<void(const std::string&, const std::vector<Plan>&)>& visit) {
  const auto lower_all = [](const Schedule& schedule, auto&& lower_one) {
    std::vector<Plan> plans;
    for (int rank = 0; rank < schedule.ranks; ++rank) plans.push_back(lower_one(schedule, rank));
    return plans;
  };
  for (const Algorithm& algorithm : catalog()) {
    for (const Group& group : test::groups(1, 7)) {
      if (!allows(algorithm, group)) continue;
      if (!group.hosts.empty() && allows(algorithm, group.ranks)) continue;
      const Schedule schedule = algorithm.make(group, /*root=*/group.ranks / 2);
      const std::string label = std::string(name(algorithm.collective)) + " " +
                                std::string(algorithm.name) + ", " + test::to_text(group);
      visit(label + " mapped", lower_all(schedule, lower_mapped));
      visit(label + " staged", lower_all(stage(schedule), lower_mapped));
      if (algorithm.pull) continue;
      visit(label + " unmapped", lower_all(stage(schedule), lower_unmapped));
      visit(label + " inline", lower_all(schedule, lower_inline));
    }
  }
}

TEST(Plan, EverySignalHasOneWaitOfItsOwnLine) {
  for_each_plan([](const std::string& label, const std::vector<Plan>& plans) {
    SCOPED_TRACE(label);
    using Delivery = std::tuple<int, int, int>;  // from, to, line
    std::set<Delivery> given, taken;
    std::set<std::pair<int, int>> lines;  // receiver, line
    for (const Plan& plan : plans) {
      for (const Instruction& i : plan.instructions) {
        if (i.action == Action::kMove) continue;
        ASSERT_LT(i.line, plan.lines);
        const bool gives = i.action == Action::kSignal;
        const bool is_new = gives ? given.insert({plan.rank, i.peer, i.line}).second
                                  : taken.insert({i.peer, plan.rank, i.line}).second;
        ASSERT_TRUE(is_new) << dump(plan);
        ASSERT_TRUE(gives || lines.insert({plan.rank, i.line}).second) << dump(plan);
      }
    }
    EXPECT_EQ(given, taken);
  });
}

TEST(Plan, ReceiversAndSendersAreThoseOfTheSteps) {
  for_each_plan([](const std::string& label, const std::vector<Plan>& plans) {
    SCOPED_TRACE(label);
    for (const Plan& plan : plans) {
      std::set<int> receivers, senders;
      for (const Instruction& i : plan.instructions) {
        if (i.action == Action::kSignal) receivers.insert(i.peer);
        if (i.action == Action::kWait) senders.insert(i.peer);
        for (const Chunk& target : i.targets) {
          if (target.rank != kSelf && target.rank != plan.rank) receivers.insert(target.rank);
        }
      }
      EXPECT_EQ(std::set<int>(plan.receivers.begin(), plan.receivers.end()), receivers);
      EXPECT_EQ(std::set<int>(plan.senders.begin(), plan.senders.end()), senders);
    }
  });
}

TEST(Plan, RanksAgreeOnWhatABlockTakes) {
  for_each_plan([](const std::string& label, const std::vector<Plan>& plans) {
    for (const Plan& plan : plans) {
      EXPECT_EQ(plan.lines, plans[0].lines) << label;
      EXPECT_EQ(plan.scratch_chunks, plans[0].scratch_chunks) << label;
    }
  });
}

TEST(Plan, OnlyMappedOnesTouchBuffersOfPeers) {
  int touching = 0;
  for_each_plan([&](const std::string& label, const std::vector<Plan>& plans) {
    const bool mapped = label.ends_with(" mapped");
    for (const Plan& plan : plans) {
      EXPECT_TRUE(mapped || !plan.touches_buffers) << label;
      touching += plan.touches_buffers;
    }
  });
  EXPECT_GT(touching, 0);
}

}  // namespace
}  // namespace tutti
