// Tests src/schedule/cost.cc.
// ROOMS: schedule
// TIER: fast

#include "schedule/cost.h"

#include <gtest/gtest.h>

#include "small_schedules.h"

namespace tutti {
namespace {

// Patarasuk and Yuan: 2(n-1) steps, of one chunk each.
TEST(Cost, OfARingIsThePapers) {
  for (int ranks = 1; ranks <= 9; ++ranks) {
    SCOPED_TRACE(ranks);
    const Cost ring = cost(ring_all_reduce_by_hand(ranks));
    EXPECT_EQ(ring.steps, 2 * (ranks - 1));
    EXPECT_EQ(ring.chunks_sent, 2 * (ranks - 1));
    EXPECT_EQ(ring.chunks_received, 2 * (ranks - 1));
    EXPECT_EQ(ring.chunks_reduced, ranks - 1);
    EXPECT_EQ(ring.chunks_copied, ranks);
    EXPECT_EQ(ring.scratch_chunks, ranks - 1);
    // n copies, n-1 times a put and a reduce of two, n-1 puts.
    EXPECT_EQ(ring.critical_chunks, ranks + 3 * (ranks - 1) + (ranks - 1));
  }
}

TEST(Cost, CountsReadsOfPeersOnBothSides) {
  EXPECT_EQ(cost(pull_all_reduce_by_hand(4)), (Cost{.steps = 1,
                                                    .chunks_sent = 3,
                                                    .chunks_received = 3,
                                                    .chunks_reduced = 3,
                                                    .chunks_copied = 0,
                                                    .critical_chunks = 4,
                                                    .scratch_chunks = 0}));
}

TEST(Cost, CountsACreditAsAMessage) {
  // put, credit, put, credit, put; and three copies, of which two are on the way.
  const Cost credits = cost(credits_by_hand(3));
  EXPECT_EQ(credits.steps, 5);
  EXPECT_EQ(credits.critical_chunks, 6);
  EXPECT_EQ(credits.chunks_copied, 3);
}

TEST(Cost, OfABarrierIsItsRounds) {
  EXPECT_EQ(cost(dissemination_barrier_by_hand(8)), (Cost{.steps = 3}));
  EXPECT_EQ(cost(dissemination_barrier_by_hand(9)), (Cost{.steps = 4}));
}

// Messages that do not wait for each other are one step, however many.
TEST(Cost, OfAFlatBroadcastIsOneStep) {
  const Cost broadcast = cost(flat_broadcast_by_hand(5, 3));
  EXPECT_EQ(broadcast.steps, 1);
  EXPECT_EQ(broadcast.chunks_sent, 8);
  EXPECT_EQ(broadcast.chunks_received, 2);
}

}  // namespace
}  // namespace tutti
