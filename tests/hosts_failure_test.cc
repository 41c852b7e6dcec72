// Communicators on several hosts fail: by calls that differ, by ranks that give up, are late or
// leave. Every rank learns who and why, and can go on. The hosts are made up, ranks are threads.
//
// TIER: fast

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "hosts.h"

namespace tutti {
namespace {

using namespace test;
using Hosts = std::vector<int>;  // by rank
using Clock = std::chrono::steady_clock;

const std::vector<Hosts>& groups() {
  static const std::vector<Hosts> all = {{0, 1}, {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 0, 0, 1, 2, 2}};
  return all;
}

// Seconds, if at all, for what takes milliseconds on an idle machine.
constexpr milliseconds kAtOnce(3000);

// ---- calls

// Every rank but one calls one thing; what every rank answers.
void expect_mismatch(const Hosts& hosts, int odd, const std::vector<std::string>& words,
                     const std::function<Call(std::span<int>)>& most_call,
                     const std::function<Call(std::span<int>)>& odd_call) {
  on_hosts(hosts, [&](Communicator& comm) {
    std::vector<int> data(100, 1);
    ASSERT_OK(comm.all_reduce(data, data));
    const auto start = Clock::now();
    Status status = comm.run(comm.rank() == odd ? odd_call(data) : most_call(data));
    // Who waits for nobody, as a root of a broadcast, learns at the next call.
    if (status.ok()) status = comm.barrier();
    EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
    for (const std::string& word : words) {
      EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
    }
    EXPECT_LT(Clock::now() - start, kAtOnce);
    EXPECT_EQ(comm.barrier().code(), Code::kMismatch);
  });
}

TEST(MismatchBetweenHosts, OfCountsIsToldToEveryRank) {
  for (const Hosts& hosts : groups()) {
    for (const int odd : {0, static_cast<int>(hosts.size()) - 1}) {
      expect_mismatch(
          hosts, odd, {}, [](auto d) { return all_reduce(d, d); },
          [](auto d) { return all_reduce(d.first(99), d.first(99)); });
    }
  }
}

TEST(MismatchBetweenHosts, OfCollectivesIsToldToEveryRank) {
  for (const Hosts& hosts : groups()) {
    expect_mismatch(
        hosts, /*odd=*/1, {}, [](auto d) { return all_reduce(d, d); },
        [](auto d) { return broadcast(d, d, 0); });
  }
}

// Where memory is shared, both calls are on record.
TEST(MismatchBetweenHosts, InsideAHostSaysWhatBothCalled) {
  expect_mismatch(
      {0, 0, 1}, /*odd=*/1, {"rank 1 called all_reduce #2 (int32, 99, sum)"},
      [](auto d) { return all_reduce(d, d); },
      [](auto d) { return all_reduce(d.first(99), d.first(99)); });
}

TEST(AbortBetweenHosts, EndsTheCallsOfAllRanks) {
  for (const Hosts& hosts : groups()) {
    on_hosts(hosts, [](Communicator& comm) {
      std::vector<int> data(1000, 1);
      ASSERT_OK(comm.all_reduce(data, data));
      if (comm.rank() == 1) {
        std::this_thread::sleep_for(milliseconds(50));
        comm.abort("enough");
      }
      const auto start = Clock::now();
      const Status status = comm.all_reduce(data, data);
      EXPECT_EQ(status.code(), Code::kAborted) << status.to_string();
      EXPECT_NE(status.message().find("aborted by rank 1: enough"), std::string::npos)
          << status.message();
      EXPECT_LT(Clock::now() - start, kAtOnce);
      EXPECT_EQ(comm.barrier().code(), Code::kAborted);
    });
  }
}

TEST(AbortBetweenHosts, ComesFromAnotherThreadWhileTheCallIsStuck) {
  on_hosts({0, 1, 1}, [](Communicator& comm) {
    std::vector<int> data(1000, 1);
    std::thread other;
    if (comm.rank() == 0) {
      other = std::thread([&] {
        std::this_thread::sleep_for(milliseconds(50));
        comm.abort();
      });
    }
    // Rank 1 gives rank 0 nothing to receive.
    const Status status = comm.rank() == 0 ? comm.receive(data, 1) : comm.barrier();
    EXPECT_EQ(status.code(), Code::kAborted) << status.to_string();
    if (other.joinable()) other.join();
  });
}

// Until so many ranks have ended their call.
void wait_for(const std::atomic<int>& ended, int ranks) {
  const auto limit = Clock::now() + std::chrono::seconds(15);
  while (ended < ranks && Clock::now() < limit) std::this_thread::sleep_for(milliseconds(1));
}

TEST(ADeadlineBetweenHosts, NamesWhoIsWaitedFor) {
  std::atomic<int> ended = 0;
  on_hosts({0, 1}, impatient_options(milliseconds(300)), [&](Communicator& comm) {
    std::vector<int> data(10);
    if (comm.rank() == 1) {
      wait_for(ended, 1);
      // This one may find all that it needs.
      Status late = comm.all_reduce(data, data);
      if (late.ok()) late = comm.barrier();
      EXPECT_EQ(late.code(), Code::kTimeout) << late.to_string();
      return;
    }
    const Status status = comm.all_reduce(data, data);
    ++ended;
    EXPECT_EQ(status.code(), Code::kTimeout);
    EXPECT_NE(status.message().find("all_reduce #1"), std::string::npos) << status.message();
    EXPECT_NE(status.message().find("waiting for rank 1"), std::string::npos) << status.message();
  });
}

TEST(ADeadlineBetweenHosts, EndsTheCallOnEveryRank) {
  std::atomic<int> ended = 0;
  on_hosts({0, 1, 0, 1}, impatient_options(milliseconds(300)), [&](Communicator& comm) {
    if (comm.rank() == 3) wait_for(ended, 3);
    std::vector<int> data(10);
    const Status status = comm.all_reduce(data, data);
    ++ended;
    EXPECT_EQ(status.code(), Code::kTimeout) << status.to_string();
    // Rank 1 sees that rank 3 has not come; rank 0 only knows that it waits for rank 1.
    EXPECT_TRUE(status.message().find("rank 3 (pid ") != std::string::npos ||
                status.message().find("waiting for rank ") != std::string::npos)
        << status.message();
  });
}

TEST(ARankThatLeaves, IsNamedByRanksOfOtherHosts) {
  on_hosts({0, 0, 1, 1}, [](Communicator& comm) {
    ASSERT_OK(comm.barrier());
    if (comm.rank() == 3) {
      comm = Communicator();
      return;
    }
    std::vector<int> data(10);
    const auto start = Clock::now();
    Status status = comm.all_reduce(data, data);
    EXPECT_EQ(status.code(), Code::kPeerLost) << status.to_string();
    EXPECT_NE(status.message().find("rank 3 has left the communicator"), std::string::npos)
        << status.message();
    EXPECT_LT(Clock::now() - start, kAtOnce);
  });
}

// A chain in which each waits for the next, and only the last for the one that has left.
TEST(ARankThatLeaves, IsNamedAlsoByThoseThatDoNotWaitForIt) {
  for (const std::size_t count : {std::size_t{10}, std::size_t{1000}}) {
    on_hosts({0, 1, 2, 3, 4}, [&](Communicator& comm) {
      ASSERT_OK(comm.barrier());
      if (comm.rank() == 4) {
        comm = Communicator();
        return;
      }
      std::vector<int> data(count);
      const auto start = Clock::now();
      Status status = comm.receive(data, comm.rank() + 1);
      if (status.ok()) status = comm.barrier();
      EXPECT_EQ(status.code(), Code::kPeerLost) << status.to_string();
      EXPECT_NE(status.message().find("rank 4 has left the communicator"), std::string::npos)
          << status.message();
      EXPECT_LT(Clock::now() - start, kAtOnce);
    });
  }
}

TEST(ARankThatLeaves, DisturbsNobodyWhoIsDone) {
  for (int times = 0; times < 5; ++times) {
    on_hosts({0, 1, 0, 1}, [](Communicator& comm) {
      std::vector<int> data(50'000, 1);
      ASSERT_OK(comm.broadcast(data, data, 3));
      if (comm.rank() == 3) {
        comm = Communicator();
        return;
      }
      // None of these needs the root any more.
      for (int peer : {0, 1, 2}) {
        if (comm.rank() == peer) continue;
        std::vector<int> got(10);
        const Call both[] = {send(std::span(data).first(10), peer), receive(got, peer)};
        ASSERT_OK(comm.run(both));
      }
    });
  }
}

// ---- going on

TEST(ShrinkBetweenHosts, AfterAMismatchKeepsEverybody) {
  on_hosts({0, 1, 0, 1, 2}, [](Communicator& comm) {
    std::vector<int> data(10 + comm.rank());
    ASSERT_EQ(comm.all_reduce(data, data).code(), Code::kMismatch);
    // Nothing keeps ranks from doing it again with the old one.
    Result<Communicator> once = comm.shrink(), again = comm.shrink();
    ASSERT_OK(once.status());
    ASSERT_OK(again.status());
    EXPECT_EQ(again->ranks(), 5);
    EXPECT_EQ(again->rank(), comm.rank());
    ASSERT_OK(once->barrier());
    ASSERT_OK(again->barrier());
  });
}

// Also when the others have come and gone meanwhile.
TEST(ShrinkBetweenHosts, LeavesBehindWhoDoesNotCall) {
  Options options = impatient_options(milliseconds(200));
  options.start_timeout = milliseconds(2000);
  std::atomic<int> ended = 0;
  on_hosts({0, 1, 0}, options, [&](Communicator& comm) {
    if (comm.rank() == 1) {
      wait_for(ended, 2);
      const Status status = comm.shrink().status();
      EXPECT_EQ(status.code(), Code::kTimeout) << status.to_string();
      EXPECT_NE(status.message().find("rank 0 went ahead without this rank"), std::string::npos)
          << status.message();
      return;
    }
    EXPECT_EQ(comm.barrier().code(), Code::kTimeout);
    {
      Result<Communicator> again = comm.shrink();
      ASSERT_OK(again.status());
      EXPECT_EQ(again->ranks(), 2);
      EXPECT_OK(again->barrier());
    }
    comm = Communicator();
    ++ended;
  });
}

TEST(ShrinkBetweenHosts, OfAPartWorks) {
  on_hosts({0, 0, 1, 1}, [](Communicator& comm) {
    Result<Communicator> part = comm.split(comm.rank() == 0 ? -1 : 0);
    ASSERT_OK(part.status());
    if (part->empty()) return;
    if (comm.rank() == 3) part->abort("no more");
    EXPECT_EQ(part->barrier().code(), Code::kAborted);
    Result<Communicator> again = part->shrink();
    ASSERT_OK(again.status());
    EXPECT_EQ(again->ranks(), 3);
    ASSERT_OK(again->barrier());
  });
}

TEST(ShrinkBetweenHosts, LeavesOutWhoHasLeft) {
  on_hosts({0, 1, 0, 1}, [](Communicator& comm) {
    ASSERT_OK(comm.barrier());
    if (comm.rank() == 1) {
      comm = Communicator();
      return;
    }
    std::vector<int> data(10);
    EXPECT_EQ(comm.all_reduce(data, data).code(), Code::kPeerLost);
    Result<Communicator> again = comm.shrink();
    ASSERT_OK(again.status());
    EXPECT_EQ(again->ranks(), 3);
    ASSERT_OK(again->barrier());
  });
}

}  // namespace
}  // namespace tutti
