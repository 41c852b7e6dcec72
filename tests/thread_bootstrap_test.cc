// Threads of one process meet, all of them or in parts, and say who is missing.
//
// ROOMS: bootstrap
// TIER: fast

#include "bootstrap/thread_bootstrap.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "bootstrap/part_bootstrap.h"
#include "processes.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(ThreadBootstrap, GivesEveryRankWhatEveryRankGaveInEveryRound) {
  constexpr int kRanks = 7;
  const auto bootstraps = make_thread_bootstraps(kRanks);
  test::run_ranks_as_threads(kRanks, [&](int rank) {
    EXPECT_EQ(bootstraps[rank]->rank(), rank);
    EXPECT_EQ(bootstraps[rank]->ranks(), kRanks);
    for (int round = 0; round < 100; ++round) {
      // Lengths differ, and may be zero.
      const auto all = bootstraps[rank]->all_gather(std::string((rank + round) % 5, 'a' + rank),
                                                    Clock::now() + 10s);
      EXPECT_TRUE(all.ok()) << all.status().to_string();
      if (!all.ok()) return 1;
      for (int peer = 0; peer < kRanks; ++peer) {
        EXPECT_EQ((*all)[peer], std::string((peer + round) % 5, 'a' + peer));
      }
    }
    return 0;
  });
}

TEST(ThreadBootstrap, ADeadlineNamesExactlyTheRanksThatAreMissing) {
  const auto bootstraps = make_thread_bootstraps(4);
  test::run_ranks_as_threads(2, [&](int i) {
    const auto start = Clock::now();
    const auto all = bootstraps[2 * i]->all_gather("here", start + 100ms);
    EXPECT_EQ(all.status().code(), Code::kTimeout);
    EXPECT_EQ(all.status().message(), "ranks missing from the all-gather at its deadline: 1, 3");
    EXPECT_GE(Clock::now() - start, 100ms);
    return 0;
  });
}

TEST(ThreadBootstrap, ARankThatLeftIsNotWaitedFor) {
  auto bootstraps = make_thread_bootstraps(3);
  bootstraps[1].reset();
  const auto start = Clock::now();
  const auto all = bootstraps[0]->all_gather("here", start + 10s);
  EXPECT_EQ(all.status().code(), Code::kPeerLost);
  EXPECT_EQ(all.status().message(), "ranks that left before the all-gather: 1");
  EXPECT_LT(Clock::now() - start, 5s);
}

// Rank 0 is quick and goes; what it gave is still there for those who come later.
TEST(ThreadBootstrap, ARankMayLeaveOnceItHasGathered) {
  auto bootstraps = make_thread_bootstraps(2);
  std::thread late([&] {
    std::this_thread::sleep_for(50ms);
    EXPECT_TRUE(bootstraps[1]->all_gather("late", Clock::now() + 10s).ok());
  });
  const auto all = bootstraps[0]->all_gather("quick", Clock::now() + 10s);
  bootstraps[0].reset();
  late.join();
  ASSERT_TRUE(all.ok()) << all.status().to_string();
  EXPECT_EQ(*all, (std::vector<std::string>{"quick", "late"}));
}

// Ranks 0, 3, 4 of five are one part, in that order, and 2, 1 the other.
const std::vector<std::vector<int>> kParts = {{0, 3, 4}, {2, 1}};

std::vector<int> part_of(int rank) { return kParts[rank == 1 || rank == 2]; }

TEST(PartBootstrap, GivesThePartsWhatTheirOwnRanksGaveInTheirOrder) {
  const auto bootstraps = make_thread_bootstraps(5);
  test::run_ranks_as_threads(5, [&](int rank) {
    PartBootstrap part(*bootstraps[rank], part_of(rank));
    const std::vector<int> members = part_of(rank);
    EXPECT_EQ(part.ranks(), static_cast<int>(members.size()));
    EXPECT_EQ(members[part.rank()], rank);
    for (int round = 0; round < 20; ++round) {
      const auto all = part.all_gather(std::string(round % 3, 'a' + rank), Clock::now() + 10s);
      EXPECT_TRUE(all.ok()) << all.status().to_string();
      if (!all.ok()) return 1;
      std::vector<std::string> expected;
      for (const int member : members) expected.emplace_back(round % 3, 'a' + member);
      EXPECT_EQ(*all, expected);
    }
    return 0;
  });
}

// One part fails after one all-gather of three: the whole is still in step afterwards.
TEST(PartBootstrap, APartThatMakesFewerAllGathersCatchesUp) {
  const auto bootstraps = make_thread_bootstraps(5);
  test::run_ranks_as_threads(5, [&](int rank) {
    PartBootstrap part(*bootstraps[rank], part_of(rank));
    const int gathers = rank == 1 || rank == 2 ? 1 : 3;
    for (int i = 0; i < gathers; ++i) {
      EXPECT_TRUE(part.all_gather(std::to_string(i), Clock::now() + 10s).ok());
    }
    const Status finished = part.finish(3, Clock::now() + 10s);
    EXPECT_TRUE(finished.ok()) << finished.to_string();
    const auto all =
        bootstraps[rank]->all_gather("now " + std::to_string(rank), Clock::now() + 10s);
    EXPECT_TRUE(all.ok()) << all.status().to_string();
    if (!all.ok()) return 1;
    EXPECT_EQ((*all)[1], "now 1");
    return 0;
  });
}

TEST(PartBootstrap, ARankOfAnotherPartThatIsMissingIsAnErrorOfThisOneToo) {
  const auto bootstraps = make_thread_bootstraps(5);
  test::run_ranks_as_threads(4, [&](int rank) {
    PartBootstrap part(*bootstraps[rank], part_of(rank));
    const Status status = part.finish(2, Clock::now() + 100ms);
    EXPECT_EQ(status.code(), Code::kTimeout);
    EXPECT_EQ(status.message(), "ranks missing from the all-gather at its deadline: 4");
    return 0;
  });
}

}  // namespace
}  // namespace tutti
