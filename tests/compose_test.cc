// Tests algorithms/compose.cc.
//
// ROOMS: algorithms
// TIER: fast

#include "algorithms/compose.h"

#include <gtest/gtest.h>

#include "algorithms/catalog.h"
#include "algorithms/direct.h"
#include "schedule/cost.h"
#include "schedule/verify.h"

namespace tutti {
namespace {

Composer::Place itself() {
  return [](int, Chunk chunk) { return chunk; };
}

// A part that is the whole changes nothing but the numbers of ranks.
TEST(Composer, EveryFlatScheduleIsRightForRanksInAnyOrder) {
  for (const Algorithm& algorithm : catalog()) {
    if (!allows(algorithm, 5) || algorithm.collective == Collective::kSendRecv) continue;
    if (is_scan(algorithm.collective)) continue;  // of ranks in their order only
    const Schedule part = algorithm.make(5, /*root=*/2);
    const std::vector<int> ranks = {3, 0, 4, 1, 2};
    Composer whole(part.collective, 5, part.chunks, /*root=*/ranks[2]);
    // A buffer with a chunk for each rank is in the order of the whole's ranks.
    const auto place = [&](int member, Chunk chunk) {
      const Space space = chunk.space;
      if (chunks_of(part, space, member) <= part.chunks) return chunk;
      const int of_member = chunk.index / part.chunks;
      return Chunk{space, ranks[of_member] * part.chunks + chunk.index % part.chunks};
    };
    whole.add(part, ranks, place);
    const Schedule made = whole.finish();
    EXPECT_EQ(verify(made), "") << name(algorithm.collective) << " " << algorithm.name;
    EXPECT_EQ(cost(made).steps, cost(part).steps) << algorithm.name;
    EXPECT_LE(made.scratch_chunks, part.scratch_chunks) << algorithm.name;
  }
}

// Each rank first does what needs no message, then what needs one.
TEST(Composer, PartsOfAPhaseRunSideBySide) {
  Composer whole(Collective::kAllReduce, 2, /*chunks=*/2);
  const auto chunk = [](int i) { return places(input(i), output(i)); };
  whole.add(direct_reduce(2, 0), {0, 1}, chunk(0));
  whole.add(direct_reduce(2, 0), {1, 0}, chunk(1));
  whole.next_phase();
  for (const int i : {0, 1})
    whole.add(direct_broadcast(2, i), {0, 1}, places(output(i), output(i)));
  const Schedule schedule = whole.finish();
  EXPECT_EQ(verify(schedule), "");
  EXPECT_EQ(cost(schedule).steps, 2);
  EXPECT_EQ(dump(schedule.at(0)),
            "  put    input[1] -> 1:scratch[0]\n"
            "  wait   1\n"
            "  reduce input[0] + scratch[0] -> output[0]\n"
            "  put    output[0] -> 1:output[0]\n"
            "  wait   1\n");
}

// One part gives its messages to a rank in an order in which that rank does not take them.
TEST(Composer, MessagesThatOvertakeGetChannelsOfTheirOwn) {
  // Both of depth one at their giver; the first is taken after a message more.
  Schedule chain(Collective::kBarrier, 3, 1, 0), plain(Collective::kBarrier, 3, 1, 0);
  chain.at(0).signal(1);
  chain.at(0).signal(2);
  chain.at(2).wait(0);
  chain.at(2).signal(1);
  chain.at(1).wait(2);
  chain.at(1).wait(0);
  plain.at(0).signal(1);
  plain.at(1).wait(0);
  Composer both(Collective::kBarrier, 3, 1);
  both.add(chain, {0, 1, 2}, itself());
  both.add(plain, {0, 1, 2}, itself());
  const Schedule schedule = both.finish();
  EXPECT_EQ(dump(schedule.at(0)),
            "  signal 1\n"
            "  signal 2\n"
            "  signal 1 on channel 1\n");
  EXPECT_EQ(dump(schedule.at(1)),
            "  wait   0 on channel 1\n"
            "  wait   2\n"
            "  wait   0\n");
}

// The chunk of a rank that there is not takes its way through scratch with it.
TEST(Composer, WhatLiesNowhereIsLeftOut) {
  const Algorithm& bruck = *find_algorithm(Collective::kAllToAll, "bruck");
  const Schedule part = bruck.make(8, 0);
  Composer whole(Collective::kAllToAll, 8, /*chunks=*/1);
  // Only what goes seven ranks further: three hops.
  whole.add(part, {0, 1, 2, 3, 4, 5, 6, 7}, [](int member, Chunk chunk) -> std::optional<Chunk> {
    const bool is_input = chunk.space == Space::kInput;
    const int from = is_input ? member : chunk.index, to = is_input ? chunk.index : member;
    if ((from + 7) % 8 != to) return std::nullopt;
    return chunk;
  });
  const Schedule schedule = whole.finish();
  EXPECT_EQ(cost(schedule).chunks_sent, 3);
  EXPECT_EQ(cost(schedule).chunks_copied, 0);
  EXPECT_EQ(schedule.scratch_chunks, 2);
}

TEST(Composer, ACopyOfAChunkOntoItselfIsLeftOut) {
  Composer whole(Collective::kAllReduce, 2, /*chunks=*/1);
  whole.add(direct_broadcast(2, 0), {0, 1}, places(output(0), output(0)));
  const Schedule schedule = whole.finish();
  EXPECT_EQ(dump(schedule.at(0)), "  put    output[0] -> 1:output[0]\n");
  EXPECT_EQ(dump(schedule.at(1)), "  wait   0\n");
}

TEST(Composer, ReservesScratchThatPartsDoNotUse) {
  Composer whole(Collective::kReduce, 2, /*chunks=*/1);
  const Chunk kept = whole.reserve(0);
  whole.add(direct_reduce(2, 0), {0, 1}, places(input(0), kept));
  whole.next_phase();
  whole.add(direct_broadcast(1, 0), {0}, places(kept, output(0)));
  const Schedule schedule = whole.finish();
  EXPECT_EQ(verify(schedule), "");
  EXPECT_EQ(schedule.scratch_chunks, 2);
}

}  // namespace
}  // namespace tutti
