// Tests src/schedule/verify.cc and the passes it is made of: shape, trace, races, contents, layout.
// ROOMS: schedule
// TIER: fast

#include "schedule/verify.h"

#include <gtest/gtest.h>

#include <functional>

#include "small_schedules.h"

namespace tutti {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

#define EXPECT_SAYS(wrong, part) \
  EXPECT_TRUE(contains(wrong, part)) << "said \"" << wrong << "\", not \"" << part << "\""

Schedule send_recv(int chunks = 1, int scratch_chunks = 1) {
  return Schedule(Collective::kSendRecv, 2, chunks, scratch_chunks);
}

// ---- right ones ----

TEST(Verify, AcceptsRightSchedulesOfEverySmallSize) {
  for (int ranks = 1; ranks <= 17; ++ranks) {
    SCOPED_TRACE(ranks);
    EXPECT_EQ(verify(ring_all_reduce_by_hand(ranks)), "");
    EXPECT_EQ(verify(ring_all_reduce_by_hand(ranks), Placement::kInPlace), "");
    EXPECT_EQ(verify(pull_all_reduce_by_hand(ranks)), "");
    EXPECT_EQ(verify(credits_by_hand(ranks)), "");
    EXPECT_EQ(verify(dissemination_barrier_by_hand(ranks)), "");
    EXPECT_EQ(verify(flat_broadcast_by_hand(ranks, ranks / 2)), "");
    EXPECT_EQ(verify(flat_broadcast_by_hand(ranks, ranks / 2), Placement::kInPlace), "");
  }
}

// Every schedule above is as short as it can be, so losing any step must be noticed.
TEST(Verify, RejectsEveryScheduleThatLacksAStep) {
  const Schedule right[] = {ring_all_reduce_by_hand(4), pull_all_reduce_by_hand(3),
                            credits_by_hand(4), dissemination_barrier_by_hand(5),
                            flat_broadcast_by_hand(4, 2)};
  for (const Schedule& schedule : right) {
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      for (std::size_t i = 0; i < schedule.at(rank).steps.size(); ++i) {
        Schedule wrong = schedule;
        wrong.at(rank).steps.erase(wrong.at(rank).steps.begin() + i);
        EXPECT_NE(verify(wrong), "") << "without step " << i << " of rank " << rank << "\n"
                                     << dump(schedule);
      }
    }
  }
}

// ---- shape ----

std::string verify_step(const std::function<void(Program&)>& add) {
  Schedule schedule(Collective::kAllReduce, 2, /*chunks=*/2, /*scratch_chunks=*/1);
  add(schedule.at(0));
  return verify(schedule);
}

TEST(VerifyShape, NamesWhatIsOutOfRange) {
  EXPECT_EQ(verify_step([](Program& p) { p.copy(input(2), output(0)); }),
            "malformed: rank 0, step 0 (copy input[2] -> output[0]): input[2] is out of range: "
            "rank 0 has 2 such chunks");
  EXPECT_SAYS(verify_step([](Program& p) { p.copy(input(0), output(-1)); }), "out of range");
  EXPECT_SAYS(verify_step([](Program& p) { p.put(input(0), 1, scratch(1)); }),
              "rank 1 has 1 such chunks");
  EXPECT_SAYS(verify_step([](Program& p) { p.copy(of(2, input(0)), output(0)); }),
              "names a rank that is not one of 2");
  EXPECT_SAYS(verify_step([](Program& p) { p.signal(2); }), "peer 2 is not one of 2 ranks");
  EXPECT_SAYS(verify_step([](Program& p) { p.wait(1, -1); }), "channel -1");
}

TEST(VerifyShape, RefusesOperandsThatAStepCannotHave) {
  EXPECT_SAYS(verify_step([](Program& p) { p.reduce({}, output(0)); }), "no source");
  EXPECT_SAYS(verify_step([](Program& p) { p.copy(output(0), input(0)); }), "read only");
  EXPECT_SAYS(verify_step([](Program& p) { p.put(output(0), 1, input(0)); }), "read only");
  EXPECT_SAYS(verify_step([](Program& p) { p.signal(0); }), "the rank itself");
  EXPECT_SAYS(verify_step([](Program& p) { p.copy(input(0), of(1, output(0))); }), "only a put");
  EXPECT_SAYS(verify_step([](Program& p) { p.put(of(1, input(0)), 1, output(0)); }),
              "must be the rank's own");
  EXPECT_SAYS(verify_step([](Program& p) {
                p.put(input(0), 1, output(0));
                p.steps[0].target.rank = 0;
              }),
              "not a chunk of its peer");
}

TEST(VerifyShape, RefusesImpossibleGroups) {
  EXPECT_SAYS(verify(Schedule(Collective::kBarrier, 0, 1, 0)), "ranks, not 0");
  EXPECT_SAYS(verify(Schedule(Collective::kSendRecv, 3, 1, 0)), "between 2 ranks");
  EXPECT_SAYS(verify(Schedule(Collective::kBroadcast, 2, 1, 0, /*root=*/2)), "root 2");
  EXPECT_SAYS(verify(Schedule(Collective::kAllReduce, 2, 0, 0)), "at least one chunk");
  Schedule lacking(Collective::kBarrier, 2, 1, 0);
  lacking.programs.pop_back();
  EXPECT_SAYS(verify(lacking), "1 programs for 2 ranks");
}

// ---- signals ----

TEST(VerifySignals, FindsDeadlock) {
  Schedule schedule(Collective::kBarrier, 2, 1, 0);
  for (int rank = 0; rank < 2; ++rank) {
    schedule.at(rank).wait(1 - rank);
    schedule.at(rank).signal(1 - rank);
  }
  EXPECT_EQ(verify(schedule),
            "deadlock: rank 0 at step 0 (wait 1) waits for ever for rank 1, which waits at step 0");
}

TEST(VerifySignals, FindsAWaitForOneWhoEnded) {
  Schedule schedule = dissemination_barrier_by_hand(2);
  schedule.at(1).wait(0);
  EXPECT_EQ(verify(schedule),
            "deadlock: rank 1 at step 2 (wait 0) waits for ever for rank 0, which has ended");
}

TEST(VerifySignals, FindsASignalThatNobodyTakes) {
  Schedule schedule = dissemination_barrier_by_hand(2);
  schedule.at(0).signal(1);
  EXPECT_EQ(verify(schedule),
            "unmatched signal: no wait takes that of rank 0 at step 2 (signal 1)");
}

TEST(VerifySignals, DoesNotTakeThoseOfAnotherChannel) {
  Schedule schedule = dissemination_barrier_by_hand(2);
  schedule.at(0).steps[0].channel = 1;
  EXPECT_SAYS(verify(schedule), "deadlock: rank 1");
}

// ---- order ----

TEST(VerifyOrder, FindsAMissingWait) {
  Schedule schedule = send_recv();
  schedule.at(0).put(input(0), 1, scratch(0));
  schedule.at(1).copy(scratch(0), output(0));
  schedule.at(1).wait(0);
  EXPECT_EQ(verify(schedule),
            "race: rank 1, step 0 (copy scratch[0] -> output[0]) reads scratch[0] of rank 1, and "
            "nothing orders it after the write by rank 0, step 0 (put input[0] -> 1:scratch[0])");
}

TEST(VerifyOrder, FindsScratchReusedTooEarly) {
  Schedule schedule = send_recv(2);
  for (int chunk = 0; chunk < 2; ++chunk) {
    schedule.at(0).put(input(chunk), 1, scratch(0));
    schedule.at(1).wait(0);
    schedule.at(1).copy(scratch(0), output(chunk));
  }
  EXPECT_SAYS(verify(schedule), "race: rank 0, step 1 (put input[1] -> 1:scratch[0]) writes");
}

// The credit must come after the read that it stands for.
TEST(VerifyOrder, FindsACreditGivenTooEarly) {
  Schedule schedule = credits_by_hand(2);
  std::swap(schedule.at(1).steps[1], schedule.at(1).steps[2]);
  EXPECT_SAYS(verify(schedule), "race: ");
}

Schedule source_overwritten_after(bool acknowledged) {
  Schedule schedule(Collective::kAllReduce, 2, /*chunks=*/1, /*scratch_chunks=*/2);
  for (int rank = 0; rank < 2; ++rank) {
    Program& program = schedule.at(rank);
    const int peer = 1 - rank;
    program.copy(input(0), scratch(0));
    program.put(scratch(0), peer, scratch(1));
    program.wait(peer);
    if (acknowledged) {
      program.signal(peer);
      program.wait(peer);
    }
    program.reduce({scratch(0), scratch(1)}, scratch(0));
    program.copy(scratch(0), output(0));
  }
  return schedule;
}

TEST(VerifyOrder, LetsAPutReadItsSourceUntilThePeerAnswers) {
  EXPECT_SAYS(verify(source_overwritten_after(false)), "race: ");
  EXPECT_EQ(verify(source_overwritten_after(true)), "");
}

// Rank 0 puts to 1 and then signals 2; that says nothing about the put's arrival.
TEST(VerifyOrder, DoesNotTakeAThirdRanksWordForAPut) {
  Schedule schedule(Collective::kBroadcast, 3, /*chunks=*/1, /*scratch_chunks=*/0, /*root=*/0);
  schedule.at(0).copy(input(0), output(0));
  schedule.at(0).put(input(0), 1, output(0));
  schedule.at(0).signal(2);
  schedule.at(2).wait(0);
  schedule.at(2).copy(of(1, output(0)), output(0));
  schedule.at(2).signal(1);
  schedule.at(1).wait(0);
  schedule.at(1).wait(2);
  EXPECT_SAYS(verify(schedule), "race: rank 2, step 1");

  // Rank 1's word will do.
  schedule.at(0).steps.pop_back();
  schedule.at(2).steps[0].peer = 1;
  schedule.at(1).steps.insert(schedule.at(1).steps.begin() + 1, {StepKind::kSignal, {}, {}, 2});
  EXPECT_EQ(verify(schedule), "");
}

// Knowledge travels: 0 writes, tells 1, and 1 tells 2, who reads from 0.
TEST(VerifyOrder, IsTransitive) {
  Schedule schedule(Collective::kBroadcast, 3, /*chunks=*/1, /*scratch_chunks=*/0, /*root=*/0);
  schedule.at(0).copy(input(0), output(0));
  schedule.at(0).put(output(0), 1, output(0));
  schedule.at(1).wait(0);
  schedule.at(1).signal(2);
  schedule.at(2).wait(1);
  schedule.at(2).copy(of(0, output(0)), output(0));
  schedule.at(2).signal(0);
  schedule.at(0).wait(2);
  EXPECT_EQ(verify(schedule), "");
}

TEST(VerifyOrder, LetsAReaderHoldUpTheEnd) {
  Schedule schedule = pull_all_reduce_by_hand(2);
  schedule.at(0).steps.erase(schedule.at(0).steps.begin() + 1);  // its signal
  schedule.at(1).steps.pop_back();                               // the wait for it
  EXPECT_SAYS(verify(schedule), "touched after the end: ");
}

// In the trace the reader may come before the end of its victim, or after.
TEST(VerifyOrder, FindsAReaderOfOneWhoMayHaveEnded) {
  Schedule schedule = send_recv();
  schedule.at(1).copy(of(0, input(0)), output(0));
  EXPECT_SAYS(verify(schedule), "touched after the end: rank 1, step 0");

  Schedule broadcast(Collective::kBroadcast, 2, 1, 0, /*root=*/1);
  broadcast.at(0).copy(of(1, input(0)), output(0));
  broadcast.at(1).copy(input(0), output(0));
  EXPECT_SAYS(verify(broadcast), "touched after the end: rank 1 can end");
}

TEST(VerifyOrder, LetsAPutsSourceOutliveTheProgram) {
  Schedule schedule = send_recv();
  schedule.at(0).put(input(0), 1, output(0));
  schedule.at(1).wait(0);
  EXPECT_EQ(verify(schedule), "");
}

TEST(VerifyOrder, WantsABarrierToKnowThatAllHaveBegun) {
  Schedule schedule(Collective::kBarrier, 3, 1, 0);
  schedule.at(0).signal(1);
  schedule.at(1).wait(0);
  schedule.at(1).signal(2);
  schedule.at(2).wait(1);
  EXPECT_EQ(verify(schedule), "not a barrier: rank 0 can end before rank 1 has begun");
}

// ---- contents ----

Schedule pull_two(std::vector<Chunk> sources_of_rank_1) {
  Schedule schedule = pull_all_reduce_by_hand(2);
  schedule.at(1).steps[0].sources = std::move(sources_of_rank_1);
  return schedule;
}

TEST(VerifyContents, FindsAMissingContribution) {
  EXPECT_EQ(verify(pull_two({input(0)})),
            "wrong result: output[0] of rank 1 lacks input[0] of rank 0");
}

TEST(VerifyContents, FindsADoubledContribution) {
  EXPECT_EQ(verify(pull_two({of(0, input(0)), input(0), of(0, input(0))})),
            "wrong result: output[0] of rank 1 holds input[0] of rank 0 2 times");
}

TEST(VerifyContents, FindsAChunkInTheWrongPlace) {
  Schedule schedule = send_recv(2);
  for (int chunk = 0; chunk < 2; ++chunk) {
    schedule.at(0).put(input(chunk), 1, output(1 - chunk));
    schedule.at(1).wait(0);
  }
  EXPECT_SAYS(verify(schedule), "wrong result: output[0] of rank 1");
}

TEST(VerifyContents, FindsAnOutputNeverWritten) {
  EXPECT_EQ(verify(send_recv()), "wrong result: output[0] of rank 1 is never written");
}

TEST(VerifyContents, FindsAReadOfWhatNobodyWrote) {
  Schedule schedule = send_recv();
  schedule.at(1).copy(scratch(0), output(0));
  EXPECT_EQ(verify(schedule),
            "unwritten: rank 1, step 0 (copy scratch[0] -> output[0]) reads scratch[0] before "
            "anything is written there");
}

// One rank is a group too; each collective is then a copy, and nothing in place.
TEST(VerifyContents, KnowsWhatOneRankIsToDo) {
  for (int i = 0; i < kCollectives; ++i) {
    const Collective collective = static_cast<Collective>(i);
    if (collective == Collective::kSendRecv || collective == Collective::kBarrier) continue;
    if (collective == Collective::kExclusiveScan) continue;  // nothing at all
    SCOPED_TRACE(name(collective));
    Schedule schedule(collective, 1, /*chunks=*/1, /*scratch_chunks=*/0);
    EXPECT_SAYS(verify(schedule), "never written");
    EXPECT_EQ(verify(schedule, Placement::kInPlace), "");
    schedule.at(0).copy(input(0), output(0));
    EXPECT_EQ(verify(schedule), "");
    EXPECT_EQ(verify(schedule, Placement::kInPlace), "");
  }
}

// ---- in place ----

// Two ranks swap a chunk each: right while the buffers are apart.
Schedule swap_all_to_all() {
  Schedule schedule(Collective::kAllToAll, 2, /*chunks=*/1, /*scratch_chunks=*/0);
  for (int rank = 0; rank < 2; ++rank) {
    schedule.at(rank).copy(input(rank), output(rank));
    schedule.at(rank).put(input(1 - rank), 1 - rank, output(rank));
    schedule.at(rank).wait(1 - rank);
  }
  return schedule;
}

TEST(VerifyInPlace, FindsAnInputOverwrittenBeforeItIsSent) {
  EXPECT_EQ(verify(swap_all_to_all()), "");
  EXPECT_SAYS(verify(swap_all_to_all(), Placement::kInPlace), "race: ");
}

TEST(VerifyInPlace, FindsAnInputOverwrittenWhileAPeerReadsIt) {
  EXPECT_EQ(verify(pull_all_reduce_by_hand(3)), "");
  EXPECT_SAYS(verify(pull_all_reduce_by_hand(3), Placement::kInPlace), "race: ");
}

// Here the order is right and the value wrong: the put lands on the root's own input.
TEST(VerifyInPlace, FindsAnInputReplacedInGoodOrder) {
  Schedule schedule(Collective::kReduce, 2, /*chunks=*/1, /*scratch_chunks=*/1, /*root=*/0);
  schedule.at(0).copy(input(0), scratch(0));
  schedule.at(1).wait(0);
  schedule.at(1).put(input(0), 0, output(0));
  schedule.at(0).signal(1);
  schedule.at(0).wait(1);
  schedule.at(0).reduce({input(0), output(0)}, output(0));
  EXPECT_EQ(verify(schedule), "");
  EXPECT_EQ(verify(schedule, Placement::kInPlace),
            "wrong result: output[0] of rank 0 lacks input[0] of rank 0");
}

// all_gather: input(0) of rank r is output(r); reduce_scatter: the reverse.
TEST(VerifyInPlace, KnowsWhichChunksAreTheSame) {
  Schedule gather(Collective::kAllGather, 3, /*chunks=*/1, /*scratch_chunks=*/0);
  Schedule reduce_scatter(Collective::kReduceScatter, 3, /*chunks=*/1, /*scratch_chunks=*/2);
  for (int rank = 0; rank < 3; ++rank) {
    for (int distance = 1; distance < 3; ++distance) {
      const int to = modulo(rank + distance, 3);
      gather.at(rank).put(input(0), to, output(rank));
      reduce_scatter.at(rank).put(input(to), to, scratch(distance - 1));
    }
    for (int distance = 1; distance < 3; ++distance) {
      gather.at(rank).wait(modulo(rank - distance, 3));
      reduce_scatter.at(rank).wait(modulo(rank - distance, 3));
    }
    reduce_scatter.at(rank).reduce({input(rank), scratch(0), scratch(1)}, output(0));
  }
  EXPECT_EQ(verify(reduce_scatter, Placement::kInPlace), "");
  EXPECT_EQ(verify(gather, Placement::kInPlace), "");
  EXPECT_SAYS(verify(gather), "output[0] of rank 0 is never written");
}

// Whoever is not the root has one buffer, and nothing to alias.
TEST(VerifyInPlace, LeavesRanksWithOneBufferAlone) {
  const Schedule schedule = flat_broadcast_by_hand(3, 1);
  Schedule without_copy = schedule;
  std::erase_if(without_copy.at(1).steps, [](const Step& s) { return s.kind == StepKind::kCopy; });
  EXPECT_EQ(verify(without_copy, Placement::kInPlace), "");
  EXPECT_SAYS(verify(without_copy), "output[0] of rank 1 is never written");
}

// ---- reduction order ----

TEST(ReducesInRankOrder, SeesTheOrderOfOnePass) {
  EXPECT_TRUE(reduces_in_rank_order(pull_all_reduce_by_hand(4)));
  Schedule schedule = pull_all_reduce_by_hand(4);
  std::swap(schedule.at(2).steps[0].sources[0], schedule.at(2).steps[0].sources[1]);
  ASSERT_EQ(verify(schedule), "");
  EXPECT_FALSE(reduces_in_rank_order(schedule));
}

TEST(ReducesInRankOrder, RefusesSeveralPasses) {
  EXPECT_FALSE(reduces_in_rank_order(ring_all_reduce_by_hand(3)));
}

TEST(ReducesInRankOrder, IsTrueWhereNothingIsReduced) {
  EXPECT_TRUE(reduces_in_rank_order(flat_broadcast_by_hand(3, 0)));
  EXPECT_TRUE(reduces_in_rank_order(ring_all_reduce_by_hand(1)));
}

TEST(ReducesInRankOrder, FollowsCopiesOfTheSum) {
  Schedule schedule(Collective::kAllReduce, 2, /*chunks=*/1, /*scratch_chunks=*/1);
  schedule.at(1).put(input(0), 0, scratch(0));
  schedule.at(0).wait(1);
  schedule.at(0).reduce({input(0), scratch(0)}, output(0));
  schedule.at(0).put(output(0), 1, output(0));
  schedule.at(1).wait(0);
  ASSERT_EQ(verify(schedule), "");
  EXPECT_TRUE(reduces_in_rank_order(schedule));
}

}  // namespace
}  // namespace tutti
