// Tests algorithms/alike.cc: that the catalog says truly which ranks are alike, and that programs
// made alone are those that are made with all others.
//
// ROOMS: algorithms
// TIER: fast

#include "algorithms/alike.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "algorithms/binomial.h"
#include "algorithms/catalog.h"
#include "algorithms/direct.h"
#include "algorithms/ring.h"
#include "groups.h"

namespace tutti {
namespace {

using test::on_hosts_of;

std::vector<Group> all_groups() {
  std::vector<Group> all = test::groups(1, 17);
  for (const std::vector<int>& sizes : {std::vector{2, 2},
                                        {3, 3},
                                        {4, 4},
                                        {2, 2, 2},
                                        {3, 3, 3, 3},
                                        {1, 1, 1, 1},
                                        {4, 4, 4, 4},
                                        {1, 1, 1, 1, 1, 1, 1, 1},
                                        {2, 2, 2, 2, 2},
                                        {2, 2, 2, 2, 2, 2, 2, 2}}) {
    all.push_back(on_hosts_of(sizes));
  }
  return all;
}

std::string label(const Algorithm& algorithm, const Group& group) {
  return std::string(name(algorithm.collective)) + " " + std::string(algorithm.name) + ", " +
         test::to_text(group);
}

void for_each(const std::function<void(const Algorithm&, const Group&)>& visit) {
  for (const Algorithm& algorithm : catalog()) {
    for (const Group& group : all_groups()) {
      if (allows(algorithm, group)) visit(algorithm, group);
    }
  }
}

// A chunk without its number, as `rank` is called by its representative.
using Place = std::tuple<Space, int>;
Place place_of(const Chunk& chunk, int rank, const Symmetry& symmetry) {
  return {chunk.space, chunk.rank == kSelf ? kSelf : symmetry.image(chunk.rank, rank)};
}

using Act = std::tuple<StepKind, std::vector<Place>, Place, int, int>;
std::vector<Act> acts_of(const Program& program, int rank, const Symmetry& symmetry) {
  std::vector<Act> acts;
  for (const Step& step : program.steps) {
    std::vector<Place> sources;
    for (const Chunk& c : step.sources) sources.push_back(place_of(c, rank, symmetry));
    std::stable_sort(sources.begin(), sources.end(), [](const Place& a, const Place& b) {
      const auto own = [](const Place& place) { return std::get<int>(place) == kSelf; };
      return own(a) && (!own(b) || a < b);  // those of peers stay in their order
    });
    acts.emplace_back(step.kind, sources, place_of(step.target, rank, symmetry),
                      step.peer == kSelf ? kSelf : symmetry.image(step.peer, rank), step.channel);
  }
  return acts;
}

TEST(Alike, EveryProgramIsThatOfItsRepresentative) {
  int symmetric = 0;
  for_each([&](const Algorithm& algorithm, const Group& group) {
    const Symmetry symmetry = algorithm.alike(group);
    ASSERT_EQ(symmetry.ranks, group.ranks);
    if (symmetry.kind == Symmetry::Kind::kNone) return;
    ++symmetric;
    const Schedule schedule = algorithm.make(group, 0);
    for (int rank = 0; rank < group.ranks; ++rank) {
      const int first = symmetry.representative(rank);
      EXPECT_TRUE(acts_of(schedule.at(rank), rank, symmetry) ==
                  acts_of(schedule.at(first), first, symmetry))
          << label(algorithm, group) << ": rank " << rank << " is not like " << first << "\n"
          << dump(schedule.at(rank)) << "rank " << first << "\n"
          << dump(schedule.at(first));
    }
  });
  EXPECT_GT(symmetric, 500);
}

// Everything but the programs wanted, left out.
Schedule only(Schedule schedule, const std::vector<int>& wanted) {
  std::vector<Program> programs(schedule.ranks);
  for (const int rank : wanted) programs[rank] = schedule.at(rank);
  schedule.programs = programs;
  return schedule;
}

TEST(Alike, ProgramsMadeAloneAreThoseMadeWithAllOthers) {
  std::mt19937 random(1);
  for_each([&](const Algorithm& algorithm, const Group& group) {
    const Schedule whole = algorithm.make(group, 0);
    const Symmetry symmetry = algorithm.alike(group);
    std::vector<std::vector<int>> choices = {{static_cast<int>(random() % group.ranks)}, {}};
    for (int rank = 0; rank < group.ranks; ++rank) {
      if (random() % 3 == 0) choices[1].push_back(rank);
    }
    choices.emplace_back();
    for (int i = 0; i < symmetry.representatives(); ++i) choices[2].push_back(i);
    for (const std::vector<int>& wanted : choices) {
      if (wanted.empty()) continue;
      Group some = group;
      some.wanted = wanted;
      EXPECT_TRUE(algorithm.make(some, 0) == only(whole, wanted))
          << label(algorithm, group) << ", from rank " << wanted[0];
    }
  });
}

// The schedule with every rank called by another number.
Schedule turned(const Schedule& schedule, int by) {
  const auto turn = [&](int rank) { return rank == kSelf ? kSelf : (rank + by) % schedule.ranks; };
  Schedule result = schedule;
  result.root = turn(schedule.root);
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    Program& program = result.at(turn(rank)) = schedule.at(rank);
    for (Step& step : program.steps) {
      step.peer = turn(step.peer);
      step.target.rank = turn(step.target.rank);
      for (Chunk& source : step.sources) source.rank = turn(source.rank);
    }
  }
  return result;
}

// What the catalog says of those between hosts that are made once and turned.
TEST(Alike, RingsAndBinomialTreesTurnWithTheirRoot) {
  for (const auto make : {ring_reduce, ring_broadcast, binomial_reduce, binomial_broadcast}) {
    for (int ranks = 1; ranks <= 9; ++ranks) {
      for (int root = 0; root < ranks; ++root) {
        EXPECT_EQ(turned(make(ranks, 0), root), make(ranks, root)) << ranks << " " << root;
      }
    }
  }
  EXPECT_NE(turned(direct_reduce(3, 0), 1), direct_reduce(3, 1)) << "it adds in rank order";
}

TEST(Alike, HostsAreAlikeWhereTheyAreRegular) {
  using Kind = Symmetry::Kind;
  EXPECT_EQ(hosts_in_turn(on_hosts_of({2, 2, 2})), (Symmetry{Kind::kRotation, 6, 2}));
  EXPECT_EQ(hosts_by_bits(on_hosts_of({2, 2, 2})), Symmetry::none(6));
  EXPECT_EQ(hosts_by_bits(on_hosts_of({3, 3, 3, 3})), (Symmetry{Kind::kExclusiveOr, 12, 3}));
  EXPECT_EQ(hosts_in_turn(on_hosts_of({2, 1})), Symmetry::none(3));
  EXPECT_EQ(hosts_in_turn(Group::on_hosts({0, 1, 0, 1})), Symmetry::none(4));
  EXPECT_EQ(ranks_by_bits(12), Symmetry::none(12));
}

}  // namespace
}  // namespace tutti
