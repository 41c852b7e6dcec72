// Heartbeats over real sockets: threads and processes that start, stop, end, leave and are
// disturbed.
//
// ROOMS: heartbeat
// TIER: fast

#include "transports/heartbeat/heartbeat.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bootstrap/datagram_socket.h"
#include "bootstrap/thread_bootstrap.h"
#include "pipe_bootstrap.h"
#include "processes.h"
#include "transports/heartbeat/card.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Started = Result<std::unique_ptr<Heartbeat>>;

constexpr milliseconds kTimeout = 400ms;
constexpr milliseconds kMoments = 600ms;  // on a busy machine

HeartbeatOptions options_of(const std::string& interface = "", milliseconds timeout = kTimeout) {
  return {interface, timeout};
}

bool becomes_true(const std::function<bool()>& condition, milliseconds limit = 5s) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// ---- threads

std::vector<Started> none_yet(int ranks) {
  std::vector<Started> started;
  for (int rank = 0; rank < ranks; ++rank) started.emplace_back(Status());
  return started;
}

// A heartbeat a rank, all in this process.
std::vector<Started> start_threads(
    int ranks,
    const std::function<HeartbeatOptions(int)>& options = [](int) { return options_of(); }) {
  const auto bootstraps = make_thread_bootstraps(ranks);
  std::vector<Started> started = none_yet(ranks);
  test::run_ranks_as_threads(ranks, [&](int rank) {
    started[rank] = Heartbeat::start(*bootstraps[rank], options(rank), Clock::now() + 10s);
    return 0;
  });
  return started;
}

void expect_all_well(const std::vector<Started>& hearts) {
  for (const Started& heart : hearts) {
    ASSERT_TRUE(heart.ok()) << heart.status().to_string();
    for (int rank = 0; rank < static_cast<int>(hearts.size()); ++rank) {
      EXPECT_EQ((*heart)->check(rank), Status());
      EXPECT_FALSE((*heart)->departed(rank));
    }
  }
}

TEST(Heartbeat, RanksThatLiveAreWell) {
  for (const int ranks : {1, 2, 9}) {
    SCOPED_TRACE(ranks);
    const std::vector<Started> hearts = start_threads(ranks);
    expect_all_well(hearts);
    std::this_thread::sleep_for(kTimeout + kTimeout / 2);
    expect_all_well(hearts);
  }
}

TEST(Heartbeat, WhoLeavesHasDepartedForAllAndIsNotLost) {
  std::vector<Started> hearts = start_threads(9);
  expect_all_well(hearts);
  const auto start = Clock::now();
  hearts[4]->reset();
  EXPECT_LT(Clock::now() - start, 200ms);
  for (const int rank : {0, 1, 2, 3, 5, 6, 7, 8}) {
    EXPECT_TRUE(becomes_true([&] { return (*hearts[rank])->departed(4); })) << rank;
  }
  std::this_thread::sleep_for(2 * kTimeout);
  for (const int rank : {0, 1, 2, 3, 5, 6, 7, 8}) EXPECT_EQ((*hearts[rank])->check(4), Status());
}

TEST(Heartbeat, AReportReachesEverybodyWithItsReason) {
  std::vector<Started> hearts = start_threads(9);
  expect_all_well(hearts);
  (*hearts[2])->report(7, "its process has ended");
  const std::string pid = std::to_string(getpid());
  for (const int rank : {0, 1, 2, 3, 4, 5, 6, 8}) {
    Heartbeat& heart = **hearts[rank];
    EXPECT_TRUE(becomes_true([&] { return !heart.check(7).ok(); })) << rank;
    const Status answer = heart.check(7);
    EXPECT_EQ(answer.code(), Code::kPeerLost);
    EXPECT_TRUE(answer.message().starts_with("rank 7 (host ")) << answer.message();
    EXPECT_TRUE(answer.message().ends_with(", pid " + pid +
                                           ") is lost: its process has ended (said by rank 2)"))
        << answer.message();
    EXPECT_EQ(heart.check(3), Status());
  }
  // It lives, and learns that the others have given it up.
  EXPECT_TRUE(becomes_true([&] { return !(*hearts[7])->check(2).ok(); }));
  EXPECT_NE((*hearts[7])
                ->check(2)
                .message()
                .find("rank 2 has lost contact with this rank: its process has ended"),
            std::string::npos)
      << (*hearts[7])->check(2).message();
}

// ---- starts that fail

void expect_all_fail(const std::vector<Started>& started, Code code,
                     const std::vector<std::string>& words) {
  for (const Started& each : started) {
    EXPECT_EQ(each.status().code(), code) << each.status().to_string();
    for (const std::string& word : words) {
      EXPECT_NE(each.status().message().find(word), std::string::npos)
          << "'" << word << "' is not in: " << each.status().message();
    }
  }
}

TEST(HeartbeatStart, RunsOnTheInterfaceThatIsAskedFor) {
  for (const std::string interface : {"lo", "127.0.0.1"}) {
    expect_all_well(start_threads(3, [&](int) { return options_of(interface); }));
  }
}

TEST(HeartbeatStart, AWrongInterfaceOfOneRankIsEverybodysError) {
  expect_all_fail(start_threads(3, [](int rank) { return options_of(rank == 1 ? "nic9" : ""); }),
                  Code::kInvalidArgument, {"rank 1: ", "no network interface or address 'nic9'"});
}

TEST(HeartbeatStart, ATimeoutThatMakesNoSenseIsRefused) {
  for (const milliseconds timeout : {-1ms, 0ms, 19ms, milliseconds::max()}) {
    expect_all_fail(start_threads(2, [&](int) { return options_of("", timeout); }),
                    Code::kInvalidArgument,
                    {"timeout is " + std::to_string(timeout.count()) + " ms, expected 20 ms to a"});
  }
}

TEST(HeartbeatStart, DifferentTimeoutsAreAMismatch) {
  const auto options = [](int rank) { return options_of("", rank == 2 ? 500ms : 400ms); };
  expect_all_fail(start_threads(3, options), Code::kMismatch,
                  {"rank 0 counts ranks as lost after 400 ms", "rank 2 after 500 ms"});
}

// Rank 1 is in the bootstrap, but no datagram ever comes from it.
TEST(HeartbeatStart, ARankThatIsNeverHeardIsNamedWithItsAddresses) {
  const auto bootstraps = make_thread_bootstraps(3);
  std::vector<Started> started = none_yet(3);
  test::run_ranks_as_threads(3, [&](int rank) {
    const auto deadline = Clock::now() + 1s;
    if (rank != 1) {
      started[rank] = Heartbeat::start(*bootstraps[rank], options_of(), deadline);
      return 0;
    }
    heartbeat::Card mute;
    mute.hello = {1, 3, kTimeout, {"elsewhere", 812}, {{*local_addresses("127.0.0.1")}, 9}};
    EXPECT_TRUE(heartbeat::exchange(*bootstraps[1], mute, deadline).ok());
    started[1] = heartbeat::agree(*bootstraps[1], Status(), deadline);
    return 0;
  });
  expect_all_fail(
      started, Code::kTimeout,
      {"rank 0: no heartbeat comes from rank 1 (host elsewhere, pid 812)", "127.0.0.1:9"});
}

// ---- strangers

// The ports of this process's datagram sockets.
std::vector<std::uint16_t> own_ports() {
  std::vector<std::uint16_t> ports;
  for (int fd = 0; fd < 1024; ++fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_DGRAM) continue;
    SocketAddress bound;
    bound.size = sizeof bound.storage;
    getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
    ports.push_back(ntohs(reinterpret_cast<const sockaddr_in*>(&bound.storage)->sin_port));
  }
  return ports;
}

TEST(Heartbeat, GarbageFromStrangersChangesNothing) {
  const std::vector<Started> hearts = start_threads(3);
  const std::vector<std::uint16_t> ports = own_ports();
  ASSERT_GE(ports.size(), 3u);
  const Address loopback = local_addresses("127.0.0.1")->front();
  const Result<Fd> stranger = open_datagram_socket(&loopback);
  ASSERT_TRUE(stranger.ok());
  std::mt19937 random(4);
  const auto end = Clock::now() + 2 * kTimeout;
  for (int count = 0; Clock::now() < end; ++count) {
    std::string bytes(random() % 2000, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    for (const std::uint16_t port : ports) {
      send_datagram(*stranger, bytes, socket_address(loopback, port));
    }
    if (count % 16 == 0) std::this_thread::sleep_for(1ms);
  }
  expect_all_well(hearts);
}

// ---- processes

// What ranks, processes of their own, have seen; in memory that the test sees too.
class Sightings {
 public:
  explicit Sightings(int ranks)
      : ranks_(ranks),
        all_(static_cast<Sighting*>(
            mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Sightings() { munmap(all_, bytes()); }
  Sightings(const Sightings&) = delete;

  struct Sighting {
    std::atomic<bool> started;
    std::atomic<bool> leave;  // the test's wish
    std::atomic<int> lost;    // how many ranks it has found lost
    std::atomic<long> at_ms;  // when it found the first, on the steady clock
    char text[1000];          // what it was told about the first
  };
  Sighting& of(int rank) { return all_[rank]; }

 private:
  std::size_t bytes() const { return ranks_ * sizeof(Sighting); }

  const int ranks_;
  Sighting* const all_;
};

long now_ms() {
  return std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch()).count();
}

class HeartbeatProcesses {
 public:
  explicit HeartbeatProcesses(int ranks)
      : ranks_(ranks),
        seen_(ranks),
        wires_(ranks),
        processes_(ranks, [this](int rank) { return live(rank); }) {}

  pid_t pid(int rank) const { return processes_.pid(rank); }
  Sightings::Sighting& seen(int rank) { return seen_.of(rank); }

  bool all_started() {
    return becomes_true([&] {
      for (int rank = 0; rank < ranks_; ++rank) {
        if (!seen(rank).started) return false;
      }
      return true;
    });
  }

  void expect_all_others_lose(int rank, long since_ms, const std::string& why) {
    for (int other = 0; other < ranks_; ++other) {
      if (other == rank) continue;
      EXPECT_TRUE(becomes_true([&] { return seen(other).lost > 0; })) << other;
      EXPECT_LT(seen(other).at_ms - since_ms, (kTimeout + kMoments).count()) << other;
      EXPECT_EQ(seen(other).lost, 1) << other;
      const std::string text = seen(other).text;
      EXPECT_TRUE(text.starts_with("rank " + std::to_string(rank) + " (host ")) << text;
      EXPECT_NE(text.find(why), std::string::npos) << text;
    }
  }

  /// Tells all to leave; how their processes ended.
  std::vector<int> leave() {
    for (int rank = 0; rank < ranks_; ++rank) seen(rank).leave = true;
    return processes_.wait(10s);
  }

 private:
  int live(int rank) {
    test::PipeBootstrap bootstrap(wires_, rank);
    const Started heart = Heartbeat::start(bootstrap, options_of(), Clock::now() + 10s);
    EXPECT_TRUE(heart.ok()) << heart.status().to_string();
    if (!heart.ok()) return 1;
    Sightings::Sighting& mine = seen_.of(rank);
    mine.started = true;
    std::vector<bool> lost(ranks_);
    while (!mine.leave) {
      for (int other = 0; other < ranks_; ++other) {
        if (other != rank && !lost[other]) lost[other] = look(**heart, other, mine);
      }
      std::this_thread::sleep_for(1ms);
    }
    return 0;
  }

  static bool look(const Heartbeat& heart, int other, Sightings::Sighting& mine) {
    const Status status = heart.check(other);
    if (status.ok()) return false;
    if (mine.lost == 0) {
      mine.at_ms = now_ms();
      std::snprintf(mine.text, sizeof mine.text, "%s", status.message().c_str());
    }
    ++mine.lost;
    return true;
  }

  const int ranks_;
  Sightings seen_;
  test::PipeWires wires_;
  test::RankProcesses processes_;
};

TEST(HeartbeatOfProcesses, AKilledRankIsLostToAllInTime) {
  HeartbeatProcesses job(6);
  ASSERT_TRUE(job.all_started());
  const long then = now_ms();
  kill(job.pid(2), SIGKILL);
  job.expect_all_others_lose(2, then, ") is lost: nothing heard from it for 0.4 s (said by rank ");
  EXPECT_EQ(job.leave(), (std::vector<int>{0, 0, test::died_of(SIGKILL), 0, 0, 0}));
}

TEST(HeartbeatOfProcesses, AStoppedRankIsLostToAllInTimeAndLearnsItWhenItGoesOn) {
  HeartbeatProcesses job(6);
  ASSERT_TRUE(job.all_started());
  const long then = now_ms();
  kill(job.pid(4), SIGSTOP);
  job.expect_all_others_lose(4, then, "nothing heard from it for 0.4 s");
  kill(job.pid(4), SIGCONT);
  EXPECT_TRUE(becomes_true([&] { return job.seen(4).lost == 5; }));
  EXPECT_NE(std::string(job.seen(4).text).find("has lost contact with this rank"),
            std::string::npos)
      << job.seen(4).text;
  std::this_thread::sleep_for(kTimeout);
  for (const int rank : {0, 1, 2, 3, 5}) EXPECT_EQ(job.seen(rank).lost, 1) << rank;
  EXPECT_EQ(job.leave(), std::vector<int>(6, 0));
}

TEST(HeartbeatOfProcesses, AShortStopIsNoLoss) {
  HeartbeatProcesses job(4);
  ASSERT_TRUE(job.all_started());
  kill(job.pid(1), SIGSTOP);
  std::this_thread::sleep_for(kTimeout / 2);
  kill(job.pid(1), SIGCONT);
  std::this_thread::sleep_for(2 * kTimeout);
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(job.seen(rank).lost, 0) << job.seen(rank).text;
  EXPECT_EQ(job.leave(), std::vector<int>(4, 0));
}

TEST(HeartbeatOfProcesses, RanksMayLeaveOneByOne) {
  HeartbeatProcesses job(5);
  ASSERT_TRUE(job.all_started());
  for (int rank = 0; rank < 4; ++rank) {
    job.seen(rank).leave = true;
    std::this_thread::sleep_for(kTimeout / 2);
  }
  std::this_thread::sleep_for(kTimeout);
  for (int rank = 0; rank < 5; ++rank) EXPECT_EQ(job.seen(rank).lost, 0) << job.seen(rank).text;
  EXPECT_EQ(job.leave(), std::vector<int>(5, 0));
}

}  // namespace
}  // namespace tutti
