// The logic of heartbeats in made-up time: who is lost, who is not, and who knows it when.
//
// ROOMS: heartbeat
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "made_up_network.h"
#include "transports/heartbeat/neighbours.h"
#include "transports/heartbeat/watch.h"

namespace tutti::heartbeat {
namespace {

using namespace std::chrono_literals;
using test::MadeUpNetwork;

constexpr std::chrono::milliseconds kTimeout = 1000ms;
constexpr std::chrono::milliseconds kPeriod = 100ms;

std::vector<int> ranks_of_fate(MadeUpNetwork& network, int at, Fate fate) {
  std::vector<int> ranks;
  for (int rank = 0; rank < network.ranks(); ++rank) {
    if (network.at(at).fate(rank) == fate) ranks.push_back(rank);
  }
  return ranks;
}

std::vector<int> lost(MadeUpNetwork& network, int at) {
  return ranks_of_fate(network, at, Fate::kLost);
}

std::vector<int> others(int ranks, int except) {
  std::vector<int> result;
  for (int rank = 0; rank < ranks; ++rank) {
    if (rank != except) result.push_back(rank);
  }
  return result;
}

std::vector<int> every(int ranks) { return others(ranks, -1); }

void expect_nobody_lost(MadeUpNetwork& network) {
  for (int rank = 0; rank < network.ranks(); ++rank) {
    EXPECT_EQ(lost(network, rank), std::vector<int>{}) << "as rank " << rank << " has it";
  }
}

void expect_lost(MadeUpNetwork& network, const std::vector<int>& at,
                 const std::vector<int>& ranks) {
  for (const int rank : at) {
    EXPECT_EQ(lost(network, rank), ranks) << "as rank " << rank << " has it";
  }
}

MadeUpNetwork::Loss lose_randomly(int percent) {
  return [random = std::mt19937(7), percent](int, int) mutable {
    return static_cast<int>(random() % 100) < percent;
  };
}

// ---- the graph

TEST(HeartbeatNeighbours, WatchEachOtherAndReachEverybodyInFewHops) {
  for (int places = 1; places <= 70; ++places) {
    int log = 0;
    while ((1 << log) < places) ++log;
    std::vector<int> hops(places, -1);
    std::vector<int> queue = {0};
    hops[0] = 0;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const std::vector<int> found = neighbours(queue[i], places);
      EXPECT_LE(static_cast<int>(found.size()), 2 * log);
      for (const int place : found) {
        const std::vector<int> back = neighbours(place, places);
        EXPECT_TRUE(std::count(back.begin(), back.end(), queue[i]) == 1 && place != queue[i]);
        if (hops[place] >= 0) continue;
        hops[place] = hops[queue[i]] + 1;
        queue.push_back(place);
      }
    }
    EXPECT_EQ(static_cast<int>(queue.size()), places);
    EXPECT_LE(*std::max_element(hops.begin(), hops.end()), log) << places;
  }
}

// ---- its own clock

TEST(HeartbeatOwnTime, StandsStillWhileTheThreadDoesNotRun) {
  const Moment start{};
  OwnTime time(start, 200ms, 500ms);
  EXPECT_TRUE(time.advance(start + 100ms));
  EXPECT_EQ(time.now(), 100ms);
  EXPECT_TRUE(time.advance(start + 500ms));  // late, not absent
  EXPECT_EQ(time.now(), 300ms);
  EXPECT_FALSE(time.advance(start + 1h));
  EXPECT_EQ(time.now(), 300ms);
  EXPECT_TRUE(time.advance(start + 1h + 50ms));
  EXPECT_EQ(time.now(), 350ms);
}

// ---- silence

TEST(HeartbeatWatch, EverybodyLearnsOfAnySilentRankInTime) {
  for (int ranks = 2; ranks <= 33; ++ranks) {
    for (const int silent : {0, ranks / 2}) {
      SCOPED_TRACE(testing::Message() << silent << " of " << ranks);
      MadeUpNetwork network(ranks, kTimeout);
      network.begin();
      network.run(730ms);
      network.stop(silent);
      network.run(kTimeout - kPeriod);
      expect_lost(network, others(ranks, silent), {});
      network.run(3 * kPeriod);
      expect_lost(network, others(ranks, silent), {silent});
    }
  }
}

TEST(HeartbeatWatch, ALoneRankHasNothingToDo) {
  MadeUpNetwork network(1, kTimeout);
  network.begin();
  network.run(10s);
  EXPECT_EQ(network.sent(), 0);
  expect_nobody_lost(network);
  network.depart(0);
  EXPECT_TRUE(network.at(0).gone(network.now()));
}

TEST(HeartbeatWatch, SaysWhoIsLostSinceWhenAndWhoSaysSo) {
  MadeUpNetwork network(2, 400ms);
  network.begin();
  network.stop(1);
  network.run(600ms);
  ASSERT_EQ(network.at(0).ledger().size(), 1u);
  EXPECT_EQ(network.at(0).ledger()[0],
            (News{1, Fate::kLost, 0, "nothing heard from it for 0.4 s"}));
}

TEST(HeartbeatWatch, SilenceMeansNothingBeforeAllHaveMet) {
  MadeUpNetwork network(4, kTimeout);
  network.stop(2);
  network.run(10s);
  EXPECT_EQ(network.at(0).unheard(), std::vector<int>{2});
  expect_lost(network, {0, 1, 3}, {});
}

TEST(HeartbeatWatch, MessagesPerPeriodGrowWithTheLogarithmOfTheRanks) {
  MadeUpNetwork network(64, kTimeout);
  network.begin();
  const long before = network.sent();
  network.run(20 * kPeriod);
  EXPECT_LE(network.sent() - before, 64 * 11 * 21);
  EXPECT_GE(network.sent() - before, 64 * 11 * 19);
}

// More than a datagram holds, and most of them neighbours of nobody who lives.
TEST(HeartbeatWatch, AThirdOfManyRanksMayBeLostAtOnce) {
  constexpr int kRanks = 90;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  std::vector<int> gone, rest;
  for (int rank = 0; rank < kRanks; ++rank) {
    if (rank < 30) network.stop(rank);
    (rank < 30 ? gone : rest).push_back(rank);
  }
  network.run(2 * kTimeout);
  expect_lost(network, rest, gone);
}

// 0 and 3 of 8 are no neighbours until the others have gone.
TEST(HeartbeatWatch, TheLastTwoWatchEachOther) {
  MadeUpNetwork network(8, kTimeout);
  network.begin();
  for (const int rank : {1, 2, 4, 5, 6, 7}) {
    network.depart(rank);
    network.run(50ms);
  }
  network.run(3 * kTimeout);
  expect_nobody_lost(network);
  network.stop(3);
  network.run(kTimeout + 2 * kPeriod);
  expect_lost(network, {0}, {3});
}

TEST(HeartbeatWatch, NoFalseAlarmInAQuarterOfAnHourInWhichThreeOfTenMessagesAreLost) {
  MadeUpNetwork network(8, kTimeout);
  network.begin();
  network.lose(lose_randomly(30));
  network.run(15min);
  expect_nobody_lost(network);
  network.stop(5);
  network.run(kTimeout + 5 * kPeriod);
  expect_lost(network, others(8, 5), {5});
}

// ---- links

TEST(HeartbeatWatch, ARankThatIsCutOffKnowsThatItIs) {
  constexpr int kRanks = 9;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  network.lose([](int from, int to) { return from == 4 || to == 4; });
  network.run(kTimeout + 3 * kPeriod);
  expect_lost(network, others(kRanks, 4), {4});
  expect_lost(network, {4}, every(kRanks));
  // It stays so when the link is back.
  network.lose({});
  network.run(5 * kTimeout);
  expect_lost(network, others(kRanks, 4), {4});
}

TEST(HeartbeatWatch, ARankThatHearsNobodyAccusesNobody) {
  constexpr int kRanks = 9;
  for (auto moment = 0ms; moment < kPeriod; moment += 5ms) {
    MadeUpNetwork network(kRanks, kTimeout);
    network.begin();
    network.run(moment);
    network.lose([](int, int to) { return to == 4; });
    network.run(kTimeout + 3 * kPeriod);
    expect_lost(network, others(kRanks, 4), {4});
    expect_lost(network, {4}, every(kRanks));
    EXPECT_EQ(network.at(0).ledger()[0], (News{4, Fate::kLost, 4, "it hears nobody any more"}));
  }
}

TEST(HeartbeatWatch, ARankThatIsNotHeardLearnsItFromThoseWhoMissIt) {
  constexpr int kRanks = 9;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  network.lose([](int from, int) { return from == 4; });
  network.run(kTimeout + 3 * kPeriod);
  expect_lost(network, others(kRanks, 4), {4});
  network.run(kTimeout);  // nobody writes to it any more
  expect_lost(network, {4}, every(kRanks));
}

TEST(HeartbeatWatch, AllAgreeAboutTwoRanksThatDoNotHearEachOther) {
  constexpr int kRanks = 8;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  network.lose([](int from, int to) { return (from == 0 && to == 1) || (from == 1 && to == 0); });
  network.run(2 * kTimeout);
  const std::vector<int> agreed = lost(network, 2);
  EXPECT_FALSE(agreed.empty());
  for (const int rank : agreed) EXPECT_LE(rank, 1);
  expect_lost(network, {3, 4, 5, 6, 7}, agreed);
}

TEST(HeartbeatWatch, BothSidesOfAPartitionLoseTheOtherAndKeepThemselves) {
  for (const int first : {2, 3, 4, 8}) {
    SCOPED_TRACE(first);
    constexpr int kRanks = 12;
    MadeUpNetwork network(kRanks, kTimeout);
    network.begin();
    network.lose([first](int from, int to) { return (from < first) != (to < first); });
    network.run(kTimeout + 3 * kPeriod);
    for (int rank = 0; rank < kRanks; ++rank) EXPECT_FALSE(lost(network, rank).empty()) << rank;
    network.run(3 * kTimeout);
    std::vector<int> low, high;
    for (int rank = 0; rank < kRanks; ++rank) (rank < first ? low : high).push_back(rank);
    expect_lost(network, low, high);
    expect_lost(network, high, low);
  }
}

// ---- goodbyes

TEST(HeartbeatWatch, WhoSaysGoodbyeIsNotMissed) {
  for (int ranks = 2; ranks <= 17; ++ranks) {
    MadeUpNetwork network(ranks, kTimeout);
    network.begin();
    network.depart(1);
    network.run(10ms);
    EXPECT_TRUE(network.at(1).gone(network.now()));
    network.run(3 * kTimeout);
    expect_nobody_lost(network);
    for (const int rank : others(ranks, 1)) {
      EXPECT_EQ(ranks_of_fate(network, rank, Fate::kDeparted), std::vector<int>{1});
    }
  }
}

TEST(HeartbeatWatch, GoodbyesGetThroughWhereHalfOfAllMessagesAreLost) {
  constexpr int kRanks = 8;
  for (int leaver = 0; leaver < kRanks; ++leaver) {
    MadeUpNetwork network(kRanks, kTimeout);
    network.begin();
    network.lose(lose_randomly(50));
    network.depart(leaver);
    network.run(150ms);
    EXPECT_TRUE(network.at(leaver).gone(network.now()));
    network.run(kTimeout / 2);
    for (const int rank : others(kRanks, leaver)) {
      EXPECT_EQ(network.at(rank).fate(leaver), Fate::kDeparted) << rank;
    }
  }
}

TEST(HeartbeatWatch, AllMayLeaveAtOnceAndDoSoQuickly) {
  MadeUpNetwork network(16, kTimeout);
  network.begin();
  for (const int rank : every(16)) network.depart(rank);
  network.run(10ms);
  for (const int rank : every(16)) EXPECT_TRUE(network.at(rank).gone(network.now())) << rank;
  network.run(3 * kTimeout);
  expect_nobody_lost(network);
}

TEST(HeartbeatWatch, AGoodbyeEndsEvenIfNobodyAnswers) {
  MadeUpNetwork network(3, kTimeout);
  network.begin();
  network.stop(0);
  network.stop(1);
  network.depart(2);
  network.run(140ms);
  EXPECT_FALSE(network.at(2).gone(network.now()));
  network.run(10ms);
  EXPECT_TRUE(network.at(2).gone(network.now()));
}

// Nobody speaks to a rank that has said goodbye; it must not take that for silence.
TEST(HeartbeatWatch, WhoDepartsJudgesNobodyAnyMore) {
  const Moment start{};
  Watch watch(0, 3, 50ms, start);
  watch.begin();
  watch.depart(start);
  for (auto time = 0ms; time < 150ms; time += 1ms) {
    watch.turn(start + time);
    EXPECT_FALSE(watch.gone(start + time));
  }
  EXPECT_EQ(watch.ledger(), (std::vector<News>{{0, Fate::kDeparted, 0, ""}}));
}

TEST(HeartbeatWatch, WhoDepartsDoesNotWaitForTheDeparted) {
  MadeUpNetwork network(2, kTimeout);
  network.begin();
  network.lose([](int from, int) { return from == 0; });
  network.depart(0);
  network.run(40ms);
  EXPECT_FALSE(network.at(0).gone(network.now()));
  network.depart(1);
  network.run(5ms);
  EXPECT_TRUE(network.at(0).gone(network.now()));
}

// ---- reports

TEST(HeartbeatWatch, AReportIsKnownToAllAtOnce) {
  constexpr int kRanks = 20;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  network.stop(7);
  network.report(12, 7, "its process has ended");
  network.run(kPeriod);
  expect_lost(network, others(kRanks, 7), {7});
  EXPECT_EQ(network.at(3).ledger()[0], (News{7, Fate::kLost, 12, "its process has ended"}));
}

// The caller may see the same again and again, at any pace.
TEST(HeartbeatWatch, OfReportsAboutOneRankTheFirstCounts) {
  MadeUpNetwork network(3, kTimeout);
  network.begin();
  network.stop(1);
  for (auto time = 0ms; time < 2 * kPeriod; time += 5ms) {
    network.report(0, 1, "seen at " + std::to_string(time.count()));
    network.run(5ms);
  }
  expect_lost(network, {0, 2}, {1});
  EXPECT_EQ(network.at(2).ledger(), (std::vector<News>{{1, Fate::kLost, 0, "seen at 0"}}));
}

// Who departs ends soon after, and somebody may see that end before the goodbye.
TEST(HeartbeatWatch, AReportGivesWayToAGoodbye) {
  constexpr int kRanks = 20;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  network.depart(7);
  network.report(12, 7, "its process has ended");
  network.run(kTimeout);
  expect_nobody_lost(network);
}

TEST(HeartbeatWatch, NewsIsRepeatedUntilItArrives) {
  MadeUpNetwork network(4, kTimeout);
  network.begin();
  network.lose([](int, int) { return true; });
  network.stop(1);
  network.report(0, 1, "its process has ended");
  network.run(4 * kPeriod);
  expect_lost(network, {2, 3}, {});
  network.lose({});
  network.run(2 * kPeriod);
  expect_lost(network, {2, 3}, {1});
}

TEST(HeartbeatWatch, AVeryLongReasonIsCut) {
  MadeUpNetwork network(3, kTimeout);
  network.begin();
  network.report(0, 1, std::string(100'000, 'x'));
  network.run(kPeriod);
  ASSERT_EQ(lost(network, 2), std::vector<int>{1});
  EXPECT_EQ(network.at(2).ledger()[0].why, std::string(kMaxWhyBytes, 'x'));
}

// ---- stops

TEST(HeartbeatWatch, ARankThatStopsForHalfTheTimeoutIsNotLost) {
  MadeUpNetwork network(8, kTimeout);
  network.begin();
  for (const int rank : every(8)) {
    network.stop(rank);
    network.run(kTimeout / 2 + kPeriod);
    network.go_on(rank);
    network.run(2 * kTimeout);
  }
  expect_nobody_lost(network);
}

TEST(HeartbeatWatch, ARankThatWasLostWhileItStoodLearnsThatAndHarmsNobody) {
  constexpr int kRanks = 8;
  for (const auto pause : {kTimeout + 2 * kPeriod, 3 * kTimeout, 100 * kTimeout}) {
    MadeUpNetwork network(kRanks, kTimeout);
    network.begin();
    network.stop(3);
    network.run(pause);
    network.go_on(3);
    network.run(kPeriod);
    expect_lost(network, {3}, every(kRanks));
    ASSERT_FALSE(network.at(3).ledger().empty());
    const News& accusation = network.at(3).ledger()[0];
    EXPECT_EQ(accusation.rank, 3);
    for (const News& news : network.at(3).ledger()) {
      if (news.rank == 3) continue;
      EXPECT_EQ(news.why, "rank " + std::to_string(accusation.by) +
                              " has lost contact with this rank: nothing heard from it for 1 s");
    }
    network.run(5 * kTimeout);
    expect_lost(network, others(kRanks, 3), {3});
  }
}

// The news that it is lost may have found no room, or got lost on the way.
TEST(HeartbeatWatch, ALostRankThatSpeaksIsToldThatItIsLost) {
  constexpr int kRanks = 8;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  network.stop(3);
  network.lose([](int, int to) { return to == 3; });
  network.run(3 * kTimeout);
  network.lose({});
  network.go_on(3);
  network.run(10ms);
  expect_lost(network, {3}, every(kRanks));
}

// As when a laptop sleeps, or all processes of a job are stopped and continued one by one.
TEST(HeartbeatWatch, NobodyIsLostWhenAllStandStillAndGoOnOneByOne) {
  constexpr int kRanks = 8;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  for (const int rank : every(kRanks)) {
    network.stop(rank);
    network.run(10ms);
  }
  network.run(100 * kTimeout);
  for (const int rank : every(kRanks)) {
    network.go_on(rank);
    network.run(kTimeout / 2 / kRanks);
  }
  network.run(3 * kTimeout);
  expect_nobody_lost(network);
}

// Every rank is often kept from running, for up to half the timeout.
TEST(HeartbeatWatch, AnOverloadedMachineLosesNobodyButTheDead) {
  constexpr int kRanks = 6;
  MadeUpNetwork network(kRanks, kTimeout);
  network.begin();
  std::mt19937 random(5);
  const auto load = [&](int turns, int dead) {
    for (int turn = 0; turn < turns; ++turn) {
      for (const int rank : every(kRanks)) {
        if (rank != dead) random() % 4 == 0 ? network.go_on(rank) : network.stop(rank);
      }
      network.run(kPeriod);
    }
    for (const int rank : every(kRanks)) {
      if (rank != dead) network.go_on(rank);
    }
  };
  for (int round = 0; round < 200; ++round) {
    load(4, -1);
    network.run(1ms);
  }
  expect_nobody_lost(network);
  network.stop(2);
  for (int round = 0; round < 10; ++round) {
    load(4, 2);
    network.run(1ms);
  }
  expect_lost(network, others(kRanks, 2), {2});
}

// What the others said meanwhile got lost, and they had been silent for long before.
TEST(HeartbeatWatch, ARankThatStoodStillGivesTheOthersTimeToBeHeard) {
  MadeUpNetwork network(2, kTimeout);
  network.begin();
  network.lose([](int, int to) { return to == 0; });
  network.run(kTimeout - kPeriod / 2);
  network.stop(0);
  network.run(kTimeout - 3 * kPeriod);
  network.go_on(0);
  network.run(2 * kPeriod);  // as the network wakes up, too
  network.lose({});
  network.run(2 * kTimeout);
  expect_nobody_lost(network);
}

TEST(HeartbeatWatch, ARankThatCountsAsLostSleeps) {
  MadeUpNetwork network(3, kTimeout);
  network.begin();
  network.lose([](int, int to) { return to == 0; });
  network.run(2 * kTimeout);
  ASSERT_EQ(lost(network, 0), every(3));
  for (const auto later : {1min, 120min, 1440min}) {
    const Moment now = network.now() + later;
    EXPECT_TRUE(network.at(0).turn(now).empty());
    EXPECT_GT(network.at(0).wake(), now + 30min);
  }
}

TEST(HeartbeatWatch, LossIsFinal) {
  MadeUpNetwork network(4, kTimeout);
  network.begin();
  network.report(0, 1, "its connection broke");  // wrongly: it lives
  network.run(kPeriod);
  expect_lost(network, {0, 2, 3}, {1});
  network.depart(1);
  network.run(3 * kTimeout);
  expect_lost(network, {0, 2, 3}, {1});
}

}  // namespace
}  // namespace tutti::heartbeat
