// Walks the catalog: what must hold for every algorithm, whatever it is. Tests algorithms/*.cc.
//
// ROOMS: algorithms
// TIER: fast

#include "algorithms/catalog.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "groups.h"
#include "schedule/verify.h"

namespace tutti {
namespace {

constexpr int kMostRanks = 33;
constexpr double kMostSeconds = 20;

std::string label(const Algorithm& algorithm) {
  return std::string(name(algorithm.collective)) + " " + std::string(algorithm.name);
}

using Visit = std::function<void(const Algorithm&, const Schedule&)>;

// Every algorithm for every group of `first` to `last` ranks that it takes, with every root. Those
// on several hosts are for algorithms that know of hosts.
void for_each_schedule(int first, int last, const Visit& visit) {
  for (const Algorithm& algorithm : catalog()) {
    for (const Group& group : test::groups(first, last)) {
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
  return label(algorithm) + ", " + std::to_string(schedule.ranks) + " ranks, root " +
         std::to_string(schedule.root);
}

// The algorithms for which something holds at every size and root.
std::set<std::string> always(int first, const std::function<bool(const Schedule&)>& holds) {
  std::set<std::string> labels;
  for (const Algorithm& algorithm : catalog()) labels.insert(label(algorithm));
  for_each_schedule(first, kMostRanks, [&](const Algorithm& algorithm, const Schedule& schedule) {
    if (!holds(schedule)) labels.erase(label(algorithm));
  });
  return labels;
}

std::set<std::string> flagged(bool Algorithm::*flag) {
  std::set<std::string> labels;
  for (const Algorithm& algorithm : catalog()) {
    if (algorithm.*flag) labels.insert(label(algorithm));
  }
  return labels;
}

TEST(Catalog, HasEveryCollective) {
  std::set<Collective> collectives;
  for (const Algorithm& algorithm : catalog()) collectives.insert(algorithm.collective);
  EXPECT_EQ(collectives.size(), kCollectives);
}

TEST(Catalog, FindsEachAlgorithmByItsName) {
  for (const Algorithm& algorithm : catalog()) {
    EXPECT_EQ(find_algorithm(algorithm.collective, algorithm.name), &algorithm) << label(algorithm);
  }
  EXPECT_EQ(find_algorithm(Collective::kBarrier, "ring"), nullptr);
}

TEST(Catalog, EachAlgorithmMakesTheCollectiveItIsListedUnder) {
  std::set<std::string> made;
  for_each_schedule(2, 3, [&](const Algorithm& algorithm, const Schedule& schedule) {
    EXPECT_EQ(schedule.collective, algorithm.collective) << label(algorithm);
    made.insert(label(algorithm));
  });
  EXPECT_EQ(made.size(), catalog().size()) << "some algorithm takes none of the groups tried";
}

// With all ranks and roots this is the proof that the library rests on. It must stay cheap enough
// to be run on every change.
TEST(Catalog, EverythingVerifiesAtEverySmallSize) {
  const std::clock_t start = std::clock();  // processor time: other tests may be running
  int schedules = 0;
  for_each_schedule(1, kMostRanks, [&](const Algorithm& algorithm, const Schedule& schedule) {
    ++schedules;
    EXPECT_EQ(verify(schedule), "") << where(algorithm, schedule);
  });
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("%d schedules verified in %.2f s\n", schedules, seconds);
  EXPECT_LT(seconds, kMostSeconds);
}

TEST(Catalog, InPlaceIsSaidOfThoseThatVerifyInPlace) {
  EXPECT_EQ(flagged(&Algorithm::in_place), always(1, [](const Schedule& schedule) {
              return verify(schedule, Placement::kInPlace).empty();
            }));
}

TEST(Catalog, PullIsSaidOfThoseThatReadPeers) {
  EXPECT_EQ(flagged(&Algorithm::pull), always(2, needs_mapped));
}

TEST(Catalog, RankOrderIsSaidOfThoseThatReduceInRankOrder) {
  EXPECT_EQ(flagged(&Algorithm::rank_order), always(1, reduces_in_rank_order));
}

// Every collective has one for groups that cannot map memory, and every reduction one for
// `reproducible`.
TEST(Catalog, EveryCollectiveHasOneForAnyMemory) {
  for (int i = 0; i < kCollectives; ++i) {
    const auto collective = static_cast<Collective>(i);
    bool in_place = false, rank_order = false;
    for (const Algorithm& algorithm : catalog()) {
      if (algorithm.collective != collective || algorithm.pull) continue;
      in_place |= algorithm.in_place;
      rank_order |= algorithm.rank_order;
    }
    EXPECT_TRUE(in_place) << name(collective);
    EXPECT_TRUE(rank_order) << name(collective);
  }
}

// ---- chunks of different lengths ----

// What decides a chunk's length: two chunks of equal class have the same. Scratch has none.
std::optional<std::pair<int, int>> length_class(const Schedule& schedule, int rank, Chunk chunk) {
  if (chunk.rank != kSelf) rank = chunk.rank;
  const int k = schedule.chunks;
  switch (chunk.space) {
    case Space::kScratch:
      return std::nullopt;
    case Space::kInput:
      if (schedule.collective == Collective::kAllToAll) return std::pair(rank, chunk.index);
      break;
    case Space::kOutput:
      // What rank p sends to r, output(p) there, is as long as input(r) is here.
      if (schedule.collective == Collective::kAllToAll) return std::pair(chunk.index, rank);
      break;
  }
  const bool is_input = chunk.space == Space::kInput;
  switch (schedule.collective) {
    case Collective::kAllGather:
    case Collective::kGather:
      return std::pair(is_input ? rank * k + chunk.index : chunk.index, 0);
    case Collective::kReduceScatter:
    case Collective::kScatter:
      return std::pair(is_input ? chunk.index : rank * k + chunk.index, 0);
    case Collective::kAllReduce:
    case Collective::kAllToAll:
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return std::pair(chunk.index, 0);
}

bool knows_its_length(const Schedule& schedule, int rank, const Step& step) {
  if (step.sources.empty()) return true;
  std::set<std::pair<int, int>> classes;
  std::vector<Chunk> chunks = step.sources;
  chunks.push_back(step.target);
  for (const Chunk& chunk : chunks) {
    if (const auto length = length_class(schedule, rank, chunk)) classes.insert(*length);
  }
  return classes.size() == 1;
}

TEST(Catalog, VariableCountsIsSaidOfThoseWhoseEveryStepKnowsItsLength) {
  const auto every_step_knows = [](const Schedule& schedule) {
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      for (const Step& step : schedule.at(rank).steps) {
        if (!knows_its_length(schedule, rank, step)) return false;
      }
    }
    return true;
  };
  EXPECT_EQ(flagged(&Algorithm::variable_counts), always(1, every_step_knows));
}

// ---- mutants ----

constexpr int kMostMutantRanks = 5;

// No step is idle: without any one of them the schedule must fail to verify.
TEST(Catalog, EveryStepOfEveryAlgorithmIsNeeded) {
  int mutants = 0;
  for_each_schedule(2, kMostMutantRanks, [&](const Algorithm& algorithm, const Schedule& good) {
    for (int rank = 0; rank < good.ranks; ++rank) {
      for (std::size_t i = 0; i < good.at(rank).steps.size(); ++i) {
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

// Operations of scans need not commute.
TEST(Catalog, EveryScanNeedsTheOrderOfItsOperands) {
  int mutants = 0;
  for_each_schedule(2, kMostMutantRanks, [&](const Algorithm& algorithm, const Schedule& good) {
    if (!is_scan(algorithm.collective)) return;
    for (int rank = 0; rank < good.ranks; ++rank) {
      for (std::size_t i = 0; i < good.at(rank).steps.size(); ++i) {
        if (good.at(rank).steps[i].kind != StepKind::kReduce) continue;
        Schedule bad = good;
        std::vector<Chunk>& sources = bad.at(rank).steps[i].sources;
        std::swap(sources.front(), sources.back());
        EXPECT_NE(verify(bad), "") << where(algorithm, good) << ": rank " << rank << " step " << i;
        ++mutants;
      }
    }
  });
  EXPECT_GT(mutants, 50);
}

// Sends a put, signal or wait of one rank elsewhere; a put's chunk stays what it is there.
Schedule redirected(const Schedule& good, int rank, std::size_t step, int peer) {
  Schedule bad = good;
  Step& wrong = bad.at(rank).steps[step];
  wrong.peer = peer;
  if (wrong.kind == StepKind::kPut) wrong.target.rank = peer;
  return bad;
}

TEST(Catalog, EveryPutSignalAndWaitNeedsItsPeer) {
  int mutants = 0;
  for_each_schedule(3, kMostMutantRanks, [&](const Algorithm& algorithm, const Schedule& good) {
    for (int rank = 0; rank < good.ranks; ++rank) {
      for (std::size_t i = 0; i < good.at(rank).steps.size(); ++i) {
        const int right = good.at(rank).steps[i].peer;
        for (int peer = 0; right != kSelf && peer < good.ranks; ++peer) {
          if (peer == right || peer == rank) continue;
          EXPECT_NE(verify(redirected(good, rank, i, peer)), "")
              << where(algorithm, good) << ": step " << i << " of rank " << rank
              << " may also go to rank " << peer;
          ++mutants;
        }
      }
    }
  });
  EXPECT_GT(mutants, 1000);
}

}  // namespace
}  // namespace tutti
