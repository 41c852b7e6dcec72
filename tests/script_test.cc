// Tests src/simulator/script.cc.
//
// ROOMS: algorithms simulator
// TIER: fast

#include "simulator/script.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "algorithms/catalog.h"

namespace tutti {
namespace {

using Kind = Deed::Kind;

Schedule make(Collective collective, std::string_view name, const Group& group) {
  return find_algorithm(collective, name)->make(group, 0);
}

std::vector<Plan> plans_of(const Schedule& schedule, bool inline_payload) {
  std::vector<Plan> plans;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    plans.push_back(lower(schedule, rank, inline_payload, [](int) { return true; }));
  }
  return plans;
}

// Two ranks: the first sums its own half of the buffer, and so on.
TEST(Script, OfAProgramHasAMoveAndASignalForEveryPut) {
  const Schedule ring = make(Collective::kAllReduce, "ring", 2);
  const Cast cast = cast_of(ring, Symmetry::none(2));
  ASSERT_EQ(cast.scripts.size(), 2u);
  EXPECT_EQ(cast.scratch_chunks, 1);
  EXPECT_EQ(cast.lines, 2);
  const Script& script = cast.scripts[0];
  EXPECT_EQ(
      script.deeds,
      (std::vector<Deed>{
          {.kind = Kind::kMove, .sources = 1, .reads_user = 1, .touches = 1, .first_touch = 0},
          {.kind = Kind::kGive, .peer = 1, .line = 0},
          {.kind = Kind::kTake, .peer = 1, .line = 0},
          {.kind = Kind::kMove,
           .sources = 2,
           .reads_user = 1,
           .reads_scratch = 1,
           .writes_user = 1,
           .first_touch = 1},
          {.kind = Kind::kMove, .sources = 1, .reads_user = 1, .touches = 1, .first_touch = 1},
          {.kind = Kind::kGive, .peer = 1, .line = 1},
          {.kind = Kind::kTake, .peer = 1, .line = 1}}));
  EXPECT_EQ(script.touches, (std::vector<Touch>{{1, true}, {1, true}}));
  EXPECT_EQ(script.receivers, std::vector<int>{1});
}

TEST(Script, OfAPlanHasFusedMovesAndPayloads) {
  const Schedule ring = make(Collective::kAllReduce, "ring", 2);
  const Cast fused = cast_of(plans_of(ring, /*inline_payload=*/false));
  const std::vector<Deed>& deeds = fused.scripts[0].deeds;
  ASSERT_EQ(deeds.size(), 6u);
  EXPECT_EQ(deeds[3].kind, Kind::kMove) << "the sum goes to the own output and to the peer at once";
  EXPECT_EQ(deeds[3].writes_user, 1);
  EXPECT_EQ(deeds[3].touches, 1);
  const Cast carried = cast_of(plans_of(ring, /*inline_payload=*/true));
  for (const Deed& deed : carried.scripts[0].deeds) {
    EXPECT_EQ(deed.carries, deed.kind != Kind::kMove);
    EXPECT_EQ(deed.touches, 0);
  }
}

TEST(Script, KnowsWhatMayGoPastTheCaches) {
  const Schedule gather = make(Collective::kAllGather, "all_pairs", 3);
  int streams = 0;
  for (const Plan& plan : plans_of(gather, /*inline_payload=*/false)) {
    for (const Instruction& instruction : plan.instructions) {
      for (std::size_t t = 0; t < instruction.targets.size(); ++t) {
        const bool own = instruction.targets[t].rank == kSelf;
        streams += own && (instruction.stream_mask >> t & 1) != 0;
      }
    }
  }
  int found = 0;
  for (const Script& script : cast_of(plans_of(gather, false)).scripts) {
    for (const Deed& deed : script.deeds) found += deed.streams_user;
  }
  EXPECT_EQ(found, streams);
  EXPECT_GT(found, 0);
}

TEST(Script, ReadsOfPeersTouchThem) {
  const Cast cast = cast_of(make(Collective::kAllReduce, "one_shot_pull", 3), Symmetry::none(3));
  EXPECT_EQ(cast.scripts[1].touches, (std::vector<Touch>{{0, false}, {2, false}}));
  EXPECT_EQ(cast.scripts[1].deeds[0].sources, 3);
  EXPECT_EQ(cast.scripts[1].deeds[0].reads_user, 1);
}

// Every line of every rank is given once and taken once, and by those who say so.
TEST(Script, LinesAreGivenOnceAndTakenOnce) {
  for (const Algorithm& algorithm : catalog()) {
    const Group group = algorithm.collective == Collective::kSendRecv
                            ? Group::on_hosts({0, 1})
                            : Group::on_hosts({0, 0, 1, 1, 2, 2, 3, 3});
    if (!allows(algorithm, group)) continue;
    const Schedule schedule = algorithm.make(group, 0);
    const Cast cast = cast_of(schedule, Symmetry::none(group.ranks));
    std::map<std::pair<int, int>, int> givers;  // by taker and line
    for (int rank = 0; rank < group.ranks; ++rank) {
      for (const Deed& deed : cast.scripts[rank].deeds) {
        if (deed.kind != Kind::kGive) continue;
        EXPECT_TRUE(givers.emplace(std::pair(deed.peer, deed.line), rank).second) << algorithm.name;
      }
    }
    std::size_t taken = 0;
    for (int rank = 0; rank < group.ranks; ++rank) {
      for (const Deed& deed : cast.scripts[rank].deeds) {
        if (deed.kind != Kind::kTake) continue;
        ++taken;
        EXPECT_EQ(givers.at({rank, deed.line}), deed.peer) << algorithm.name;
      }
    }
    EXPECT_EQ(taken, givers.size());
  }
}

// With representatives only, their scripts are those that they have among all.
TEST(Script, OfRepresentativesIsThatAmongAll) {
  int compared = 0;
  for (const Algorithm& algorithm : catalog()) {
    const Group group = Group::on_hosts({0, 0, 1, 1, 2, 2, 3, 3});
    if (algorithm.collective == Collective::kSendRecv || !allows(algorithm, group)) continue;
    const Symmetry symmetry = algorithm.alike(group);
    if (symmetry.kind == Symmetry::Kind::kNone) continue;
    Group some = group;
    for (int rank = 0; rank < symmetry.representatives(); ++rank) some.wanted.push_back(rank);
    const Cast all = cast_of(algorithm.make(group, 0), Symmetry::none(group.ranks));
    const Cast few = cast_of(algorithm.make(some, 0), symmetry);
    for (int rank = 0; rank < symmetry.representatives(); ++rank) {
      EXPECT_EQ(few.scripts[rank], all.scripts[rank]) << algorithm.name << " " << rank;
      ++compared;
    }
  }
  EXPECT_GT(compared, 20);
}

}  // namespace
}  // namespace tutti
