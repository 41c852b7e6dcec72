// The network between hosts: who is connected to whom and when, what goes wrong at a start, and
// that neither an end nor a lost peer costs what was sent to others.
//
// ROOMS: ucx
// TIER: fast

#include "transports/ucx/ucx.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>
#include <random>
#include <vector>

#include "bootstrap/thread_bootstrap.h"
#include "expect_ok.h"
#include "pages.h"
#include "pipe_bootstrap.h"
#include "processes.h"
#include "transports/ucx/card.h"
#include "transports/ucx/devices.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::died_of;
using test::Pages;
using Clock = std::chrono::steady_clock;
using Codes = std::vector<int>;

Deadline soon() { return Clock::now() + 20s; }

Signal flag(std::uint64_t value) { return {.flag = value, .signature = 0, .payload = {}}; }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const Line& line_at(Transport& transport, std::size_t offset) {
  return *reinterpret_cast<const Line*>(transport.window().data() + offset);
}

// Bytes that tell their place and the round.
std::vector<std::byte> pattern(std::size_t bytes, int round) {
  std::vector<std::byte> made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) made[i] = std::byte((i * 7 + i / 256 + round * 13) & 255);
  return made;
}

class Ucx : public testing::Test {
 protected:
  void SetUp() override {
    // A wrong name is noticed before anything of UCX is started, which could not be forked.
    const Status status = open_ucx_network({.interface = "", .net_devices = "none"}).status();
    if (status.code() == Code::kNotSupported) GTEST_SKIP() << status.message();
  }
};

// ---- cards

ucx::Card some_card() {
  return {.id = 0x0123456789abcdef,
          .where = "host b, pid 812",
          .ways = {{std::string("\0\1address", 9), "10.77.0.0/24"}, {std::string(300, 'x'), ""}}};
}

std::string bytes_of(const ucx::Card& card) {
  Writer writer;
  ucx::write(writer, card);
  return writer.take();
}

TEST(UcxCard, IsReadAsItWasWritten) {
  for (const ucx::Card& card : {some_card(), ucx::Card()}) {
    const std::string bytes = bytes_of(card);
    Reader reader(bytes);
    EXPECT_EQ(ucx::read_card(reader), card);
    EXPECT_TRUE(reader.complete());
  }
}

TEST(UcxCard, APartOfACardIsNoCard) {
  const std::string whole = bytes_of(some_card());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    Reader reader(std::string_view(whole).substr(0, bytes));
    (void)ucx::read_card(reader);
    EXPECT_FALSE(reader.complete()) << bytes;
  }
}

TEST(UcxCard, LengthsThatCannotBeTakeNeitherTimeNorMemory) {
  Writer writer;
  writer.u64(1).text("here").u32(~std::uint32_t{0});
  Reader reader(writer.bytes());
  EXPECT_LE(ucx::read_card(reader).ways.size(), 1u);
  EXPECT_FALSE(reader.complete());
}

TEST(UcxCard, RandomBytesAreReadWithoutHarm) {
  std::mt19937 random(1);
  const std::string whole = bytes_of(some_card());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int change = 0; change < 4; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    Reader reader(bytes);
    const ucx::Card card = ucx::read_card(reader);
    EXPECT_LE(card.ways.size(), whole.size());
  }
}

// ---- starts

// One rank's transport, with all that it needs to live.
struct End {
  End(Bootstrap& bootstrap, const UcxOptions& options, std::size_t window_bytes)
      : pages(window_bytes),
        network(open_ucx_network(options)),
        transport(make_ucx_transport(bootstrap, network, pages.span(), soon())) {}

  Transport& operator*() { return **transport; }
  int endpoints() { return endpoints_made(*network); }

  Pages pages;
  Result<UcxNetwork> network;
  Result<std::unique_ptr<Transport>> transport;
};

// Every rank as a thread, with a window of this size.
using Body = std::function<void(Bootstrap&, End&)>;
void on_threads(int ranks, std::size_t window_bytes, const UcxOptions& options, const Body& body) {
  const auto bootstraps = make_thread_bootstraps(ranks);
  test::run_ranks_as_threads(ranks, [&](int rank) {
    End end(*bootstraps[rank], options, window_bytes);
    EXPECT_OK(end.transport.status());
    if (end.transport.ok()) body(*bootstraps[rank], end);
    return 0;
  });
}

Codes on_processes(int ranks, std::size_t window_bytes, const Body& body) {
  const test::PipeWires wires(ranks);
  return test::run_ranks_as_processes(ranks, [&](int rank) {
    test::PipeBootstrap bootstrap(wires, rank);
    End end(bootstrap, {}, window_bytes);
    EXPECT_OK(end.transport.status());
    if (end.transport.ok()) body(bootstrap, end);
    return 0;
  });
}

// All ranks have come here.
void meet(Bootstrap& bootstrap) { ASSERT_OK(bootstrap.all_gather("", soon()).status()); }

TEST_F(Ucx, SaysWhatItRunsOn) {
  on_threads(2, 4096, {.interface = "", .net_devices = "lo"}, [](Bootstrap&, End& end) {
    EXPECT_EQ(describe(*end.network), "tcp on lo");
    EXPECT_EQ((*end).path(1 - (*end).rank()), "ucx (tcp on lo)");
  });
}

TEST_F(Ucx, AnInterfaceThatIsAskedForIsWhatItRunsOn) {
  on_threads(2, 4096, {.interface = "127.0.0.1", .net_devices = ""},
             [](Bootstrap&, End& end) { EXPECT_EQ(describe(*end.network), "tcp on lo"); });
}

TEST_F(Ucx, ANetworkThatCannotBeOpenedIsAnErrorOnEveryRankThatNamesIt) {
  const auto bootstraps = make_thread_bootstraps(3);
  test::run_ranks_as_threads(3, [&](int rank) {
    const End end(*bootstraps[rank], {.interface = "", .net_devices = rank == 1 ? "nonsense" : ""},
                  4096);
    const Status status = end.transport.status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_TRUE(contains(status.message(), "rank 1: net_devices: ")) << status.message();
    EXPECT_TRUE(contains(status.message(), "\"nonsense\"")) << status.message();
    EXPECT_EQ(end.network.ok(), rank != 1);
    return 0;
  });
}

TEST_F(Ucx, WindowsOfDifferentSizesAreAnErrorOnEveryRank) {
  const auto bootstraps = make_thread_bootstraps(3);
  test::run_ranks_as_threads(3, [&](int rank) {
    const End end(*bootstraps[rank], {}, rank == 1 ? 8192 : 4096);
    EXPECT_EQ(end.transport.status().code(), Code::kMismatch);
    EXPECT_EQ(end.transport.status().message(),
              rank == 1 ? "rank 0: has a window of 4096 bytes, expected 8192"
                        : "rank 1: has a window of 8192 bytes, expected 4096");
    return 0;
  });
}

// Rank 1's texts arrive as something else.
class TamperedBootstrap final : public Bootstrap {
 public:
  using Change = std::function<std::string(std::string)>;
  TamperedBootstrap(Bootstrap& real, const Change& change) : real_(real), change_(change) {}

  int rank() const override { return real_.rank(); }
  int ranks() const override { return real_.ranks(); }
  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override {
    return real_.all_gather(rank() == 1 ? change_(mine) : mine, deadline);
  }

 private:
  Bootstrap& real_;
  const Change& change_;
};

TEST_F(Ucx, ACardThatCannotBeReadIsAnErrorOnEveryRankThatNamesItsRank) {
  // As exchange_texts() and the transport write it: a code, a card, a window's number and size.
  const auto without_ways = [](const std::string&) {
    Writer writer;
    writer.u8(0).u64(1).text("somewhere").u32(0).u32(1).u64(4096);
    return writer.take();
  };
  const TamperedBootstrap::Change changes[] = {
      without_ways,
      [](const std::string&) { return std::string(1, '\0'); },
      [](const std::string& text) { return text + "x"; },
      [](const std::string& text) { return text.substr(0, text.size() - 1); },
  };
  for (const auto& change : changes) {
    const auto bootstraps = make_thread_bootstraps(2);
    test::run_ranks_as_threads(2, [&](int rank) {
      TamperedBootstrap bootstrap(*bootstraps[rank], change);
      const End end(bootstrap, {}, 4096);
      const Status status = end.transport.status();
      EXPECT_EQ(status.code(), Code::kMismatch);
      EXPECT_TRUE(contains(status.message(), "rank 1: its card cannot be read"))
          << status.message();
      return 0;
    });
  }
}

// ---- connections

TEST_F(Ucx, ConnectionsAreMadeByTheFirstUseOfEachDirection) {
  on_threads(3, 4096, {}, [](Bootstrap& bootstrap, End& end) {
    const int rank = (*end).rank();
    EXPECT_EQ(end.endpoints(), 0);
    meet(bootstrap);
    if (rank == 0) ASSERT_OK((*end).signal(1, 0, flag(1)));
    if (rank == 1) ASSERT_OK(wait(*end, 0, 0, 1, soon()));
    if (rank == 0) (*end).progress();
    meet(bootstrap);
    EXPECT_EQ(end.endpoints(), rank == 0 ? 1 : 0);
    if (rank == 1) ASSERT_OK((*end).signal(0, 0, flag(1)));
    if (rank == 0) ASSERT_OK(wait(*end, 1, 0, 1, soon()));
    if (rank == 1) (*end).progress();
    meet(bootstrap);
    EXPECT_EQ(end.endpoints(), rank == 2 ? 0 : 1);
    for (std::uint64_t again = 2; again < 50 && rank < 2; ++again) {
      // Lines take turns: the peer may be a round ahead.
      const std::size_t line = again % 2 * kLineBytes;
      ASSERT_OK((*end).signal(1 - rank, line, flag(again)));
      (*end).progress();
      ASSERT_OK(wait(*end, 1 - rank, line, again, soon()));
    }
    meet(bootstrap);
    EXPECT_EQ(end.endpoints(), rank == 2 ? 0 : 1);
  });
}

TEST_F(Ucx, TransportsOnOneNetworkShareConnectionsAndNotWindows) {
  on_threads(2, 4096, {}, [](Bootstrap& bootstrap, End& first) {
    const Pages pages(8192);
    auto second = make_ucx_transport(bootstrap, first.network, pages.span(), soon());
    ASSERT_OK(second.status());
    const int peer = 1 - (*first).rank();
    for (std::uint64_t round = 1; round <= 20; ++round) {
      // Lines take turns: the peer may be a round ahead.
      const std::size_t line = round % 2 * kLineBytes;
      ASSERT_OK((*first).signal(peer, line, flag(round)));
      ASSERT_OK((*second)->signal(peer, 2 * kLineBytes + line, flag(100 + round)));
      (*first).progress();
      (*second)->progress();
      ASSERT_OK(wait(**second, peer, 2 * kLineBytes + line, 100 + round, soon()));
      ASSERT_OK(wait(*first, peer, line, round, soon()));
      EXPECT_EQ(line_at(*first, 2 * kLineBytes + line).flag, 0u);
      EXPECT_EQ(line_at(**second, line).flag, 0u);
    }
    EXPECT_EQ(first.endpoints(), 1);

    // The first one's end leaves the second what it has.
    meet(bootstrap);
    first.transport = Status(Code::kAborted, "ended");
    ASSERT_OK((*second)->signal(peer, 0, flag(1)));
    (*second)->progress();
    ASSERT_OK(wait(**second, peer, 0, 1, soon()));
    EXPECT_EQ(first.endpoints(), 1);
    meet(bootstrap);
  });
}

// The thread that attends sleeps while nothing comes.
TEST_F(Ucx, AnIdleNetworkTakesHardlyAnyTime) {
  on_threads(2, 4096, {}, [](Bootstrap& bootstrap, End& end) {
    ASSERT_OK((*end).signal(1 - (*end).rank(), 0, flag(1)));
    (*end).progress();
    ASSERT_OK(wait(*end, 1 - (*end).rank(), 0, 1, soon()));
    meet(bootstrap);
    std::this_thread::sleep_for(50ms);
    const std::clock_t before = std::clock();  // of the process
    std::this_thread::sleep_for(500ms);
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 10);
    meet(bootstrap);
  });
}

// An interface beside loopback, or "".
std::string other_interface() {
  const auto devices = ucx::find_devices("");
  if (!devices.ok()) return "";
  for (const ucx::Device& device : *devices) {
    if (!device.is_rdma && device.name != "lo" && device.is_preferred) return device.name;
  }
  return "";
}

TEST_F(Ucx, LargeDataOverSeveralDevicesArrivesWholeAndInOrder) {
  const std::string other = other_interface();
  if (other.empty()) GTEST_SKIP() << "one network device only";
  constexpr int kRounds = 20;
  constexpr std::size_t kBytes = 1'000'003;
  on_threads(2, kLineBytes + kBytes, {.interface = "", .net_devices = "lo," + other},
             [&](Bootstrap& bootstrap, End& end) {
               EXPECT_EQ(describe(*end.network), "tcp on lo and " + other);
               const int peer = 1 - (*end).rank();
               for (int round = 1; round <= kRounds; ++round) {
                 const auto sent = pattern(kBytes, round + 100 * (*end).rank());
                 ASSERT_OK((*end).put(peer, sent, kLineBytes));
                 ASSERT_OK((*end).signal(peer, 0, flag(round)));
                 ASSERT_OK(wait(*end, peer, 0, round, soon()));
                 const auto expected = pattern(kBytes, round + 100 * peer);
                 ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                                        (*end).window().begin() + kLineBytes))
                     << "round " << round;
                 ASSERT_OK(flush(*end, peer, soon()));
                 meet(bootstrap);
               }
               EXPECT_EQ(end.endpoints(), 2);
             });
}

// As by RDMA: what goes to annexes waits until its place is known, and lands in any order.
TEST_F(Ucx, PutsToAnnexesByRendezvousArriveWholeBeforeTheirSignals) {
  constexpr std::size_t kBytes = 700'003;
  const UcxOptions options{.interface = "", .net_devices = "", .rendezvous = true};
  on_threads(2, 4096, options, [&](Bootstrap& bootstrap, End& end) {
    const int me = (*end).rank(), peer = 1 - me;
    std::vector<std::byte> annex(kBytes);
    (*end).add_annex(annex, MemoryKind::kHost);
    meet(bootstrap);
    for (int round = 1; round <= 20; ++round) {
      const std::size_t bytes = round % 2 == 0 ? round : kBytes;
      const auto sent = pattern(bytes, round + 100 * me), few = pattern(64, round + 50 * me);
      ASSERT_OK((*end).put(peer, sent, 4096 + kBytes - bytes));
      ASSERT_OK((*end).put(peer, few, 1024));
      ASSERT_OK((*end).signal(peer, 0, flag(round)));
      ASSERT_OK(wait(*end, peer, 0, round, soon()));
      const auto expected = pattern(bytes, round + 100 * peer);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), annex.end() - bytes)) << round;
      const auto expected_few = pattern(64, round + 50 * peer);
      ASSERT_TRUE(
          std::equal(expected_few.begin(), expected_few.end(), (*end).window().begin() + 1024));
      ASSERT_OK(flush(*end, peer, soon()));
      meet(bootstrap);
    }
  });
}

// ---- ends

constexpr std::size_t kLastBytes = 300'000;

// Rank 0 ends right after its last put; rank 1 finds all of it, and no loss.
void end_at_once(Bootstrap&, End& end, bool silent) {
  const auto last = pattern(kLastBytes, 3);
  if ((*end).rank() == 0) {
    ASSERT_OK((*end).put(1, last, kLineBytes));
    ASSERT_OK((*end).signal(1, 0, flag(1)));
    end.transport = Status(Code::kAborted, "ended");
    end.network = Status(Code::kAborted, "ended");
    return;
  }
  if (silent) std::this_thread::sleep_for(20ms);
  ASSERT_OK(wait(*end, 0, 0, 1, soon()));
  EXPECT_TRUE(std::equal(last.begin(), last.end(), (*end).window().begin() + kLineBytes));
  for (const Deadline limit = Clock::now() + 20ms; Clock::now() < limit;) {
    (*end).progress();
    ASSERT_OK((*end).check(0));
    std::this_thread::yield();
  }
  // To who has left, nothing comes, and nothing goes wrong.
  ASSERT_OK((*end).put(0, last, kLineBytes));
  ASSERT_OK((*end).signal(0, 0, flag(1)));
  ASSERT_OK(flush(*end, 0, soon()));
  ASSERT_OK((*end).check(0));
}

TEST_F(Ucx, NothingSentBeforeAnEndIsLost) {
  for (int times = 0; times < 50; ++times) {
    on_threads(2, kLineBytes + kLastBytes, {},
               [&](Bootstrap& b, End& end) { end_at_once(b, end, /*silent=*/times % 5 == 0); });
  }
}

TEST_F(Ucx, NothingSentBeforeAnEndOfProcessesIsLost) {
  for (int times = 0; times < 50; ++times) {
    const Codes codes = on_processes(2, kLineBytes + kLastBytes, [&](Bootstrap& b, End& end) {
      end_at_once(b, end, /*silent=*/times % 5 == 0);
    });
    ASSERT_EQ(codes, Codes({0, 0})) << "time " << times;
  }
}

// Learns what the others gave long after they have.
class LateBootstrap final : public Bootstrap {
 public:
  explicit LateBootstrap(Bootstrap& real) : real_(real) {}

  int rank() const override { return real_.rank(); }
  int ranks() const override { return real_.ranks(); }
  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override {
    auto all = real_.all_gather(mine, deadline);
    std::this_thread::sleep_for(100ms);
    return all;
  }

 private:
  Bootstrap& real_;
};

TEST_F(Ucx, AnEndBeforeTheOtherHasStartedIsNoLoss) {
  const auto bootstraps = make_thread_bootstraps(2);
  test::run_ranks_as_threads(2, [&](int rank) {
    LateBootstrap late(*bootstraps[rank]);
    Bootstrap& bootstrap = rank == 0 ? *bootstraps[rank] : late;
    End end(bootstrap, {}, kLineBytes + kLastBytes);
    EXPECT_OK(end.transport.status());
    if (end.transport.ok()) end_at_once(bootstrap, end, /*silent=*/false);
    return 0;
  });
}

// All say farewell at once, each of them needing the others' answers.
TEST_F(Ucx, EndsAtTheSameTimeDoNotWaitForEachOther) {
  constexpr int kRanks = 4;
  std::atomic<int> slow = 0;
  for (int times = 0; times < 10; ++times) {
    on_threads(kRanks, 4096, {}, [&](Bootstrap& bootstrap, End& end) {
      for (int peer = 0; peer < kRanks; ++peer) {
        if (peer == (*end).rank()) continue;
        ASSERT_OK((*end).signal(peer, (*end).rank() * kLineBytes, flag(1)));
      }
      (*end).progress();
      for (int peer = 0; peer < kRanks; ++peer) {
        if (peer != (*end).rank()) ASSERT_OK(wait(*end, peer, peer * kLineBytes, 1, soon()));
      }
      meet(bootstrap);
      const auto start = Clock::now();
      end.transport = Status(Code::kAborted, "ended");
      end.network = Status(Code::kAborted, "ended");
      if (Clock::now() - start > 900ms) ++slow;
    });
  }
  // More than a few is not the machine.
  EXPECT_LE(slow, 5);
}

// ---- lost peers

// Rank 1 says who it is, before it does something that ends its talk. Connections are complete
// then: UCX 1.13 does not survive a peer that ends while it answers its first message
// (openucx/ucx pull request 8175).
void introduce(Transport& transport) {
  const int pid = getpid();
  ASSERT_OK(transport.signal(0, 0, {1, 0, std::as_bytes(std::span(&pid, 1))}));
  transport.progress();
  ASSERT_OK(wait(transport, 0, 0, 1, soon()));
  for (const Deadline limit = Clock::now() + 100ms; Clock::now() < limit;) transport.progress();
}

pid_t introduced(Transport& transport) {
  EXPECT_OK(wait(transport, 1, 0, 1, soon()));
  EXPECT_OK(transport.signal(1, 0, flag(1)));
  for (const Deadline limit = Clock::now() + 50ms; Clock::now() < limit;) transport.progress();
  int pid = 0;
  std::memcpy(&pid, line_at(transport, 0).payload, sizeof pid);
  return pid;
}

// What a stopped peer does not take in can be given up: quickly, and then nobody reads it.
TEST_F(Ucx, AStoppedPeerOfProcessesCanBeGivenUp) {
  constexpr std::size_t kBytes = 64 << 20;  // more than what sockets hold
  const Codes codes = on_processes(2, kLineBytes + kBytes, [](Bootstrap&, End& end) {
    if ((*end).rank() == 1) {
      introduce(*end);
      raise(SIGSTOP);
      return;
    }
    const pid_t peer = introduced(*end);
    ASSERT_GT(peer, 1);
    std::this_thread::sleep_for(200ms);
    auto source = std::make_unique<std::vector<std::byte>>(pattern(kBytes, 1));
    ASSERT_OK((*end).put(1, *source, kLineBytes));
    ASSERT_OK((*end).signal(1, 0, flag(1)));
    for (const Deadline limit = Clock::now() + 100ms; Clock::now() < limit;) (*end).progress();
    EXPECT_FALSE((*end).flushed(1, (*end).puts(1))) << "it was to be stopped";
    const auto start = Clock::now();
    (*end).cancel(1);
    EXPECT_LT(Clock::now() - start, 1s);
    EXPECT_TRUE((*end).flushed(1, (*end).puts(1)));
    EXPECT_EQ((*end).check(1).code(), Code::kPeerLost);
    std::fill(source->begin(), source->end(), std::byte{0xEE});
    source.reset();
    for (const Deadline limit = Clock::now() + 50ms; Clock::now() < limit;) (*end).progress();
    end.transport = Status(Code::kAborted, "ended");
    end.network = Status(Code::kAborted, "ended");
    EXPECT_LT(Clock::now() - start, 3s);
    kill(peer, SIGKILL);
  });
  EXPECT_EQ(codes, Codes({0, died_of(SIGKILL)}));
}

// The same of what it is asked to take into its annex, and of what it puts into this rank's.
TEST_F(Ucx, AStoppedPeerOfProcessesCanBeGivenUpInTheMiddleOfPutsToAnnexes) {
  constexpr std::size_t kBytes = 64 << 20;
  const Codes codes = on_processes(2, 4096, [&](Bootstrap&, End& end) {
    auto annex = std::make_unique<std::vector<std::byte>>(kBytes);
    auto source = std::make_unique<std::vector<std::byte>>(pattern(kBytes, 1));
    (*end).add_annex(*annex, MemoryKind::kHost);
    if ((*end).rank() == 1) {
      introduce(*end);
      ASSERT_OK((*end).put(0, *source, 4096));
      ASSERT_OK((*end).signal(0, 64, flag(1)));
      for (const Deadline limit = Clock::now() + 2ms; Clock::now() < limit;) (*end).progress();
      raise(SIGSTOP);
      end.transport = Status(Code::kAborted, "ended");
      return;
    }
    const pid_t peer = introduced(*end);
    ASSERT_GT(peer, 1);
    std::this_thread::sleep_for(50ms);
    ASSERT_OK((*end).put(1, *source, 4096));
    ASSERT_OK((*end).signal(1, 0, flag(1)));
    for (const Deadline limit = Clock::now() + 100ms; Clock::now() < limit;) (*end).progress();
    EXPECT_FALSE((*end).flushed(1, (*end).puts(1))) << "it was to be stopped";
    const auto start = Clock::now();
    (*end).cancel(1);
    EXPECT_TRUE((*end).flushed(1, (*end).puts(1)));
    EXPECT_LT(Clock::now() - start, 1s);
    source.reset();
    end.transport = Status(Code::kAborted, "ended");
    annex.reset();
    kill(peer, SIGCONT);  // what it goes on to put goes nowhere
    for (const Deadline limit = Clock::now() + 50ms; Clock::now() < limit;)
      std::this_thread::yield();
    end.network = Status(Code::kAborted, "ended");
    EXPECT_LT(Clock::now() - start, 4s);
    kill(peer, SIGKILL);
  });
  EXPECT_EQ(codes[0], 0);
}

// A peer that is killed in the middle of puts to annexes, of both.
TEST_F(Ucx, PutsToAndFromTheAnnexOfAKilledPeerOfProcessesEnd) {
  constexpr std::size_t kBytes = 16 << 20;
  const Codes codes = on_processes(2, 4096, [&](Bootstrap&, End& end) {
    std::vector<std::byte> annex(kBytes);
    const std::vector<std::byte> source = pattern(kBytes, 1);
    (*end).add_annex(annex, MemoryKind::kHost);
    if ((*end).rank() == 1) introduce(*end);
    if ((*end).rank() == 0) (void)introduced(*end);
    ASSERT_OK((*end).put(1 - (*end).rank(), source, 4096));
    ASSERT_OK((*end).signal(1 - (*end).rank(), 64, flag(1)));
    const auto start = Clock::now();
    if ((*end).rank() == 1) {
      for (const Deadline limit = Clock::now() + 3ms; Clock::now() < limit;) (*end).progress();
      raise(SIGKILL);
    }
    while ((*end).check(1).ok() && Clock::now() < start + 10s) (*end).progress();
    EXPECT_EQ((*end).check(1).code(), Code::kPeerLost);
    (*end).cancel(1);
    EXPECT_TRUE((*end).flushed(1, (*end).puts(1)));
    end.transport = Status(Code::kAborted, "ended");
    end.network = Status(Code::kAborted, "ended");
    EXPECT_LT(Clock::now() - start, 5s);
  });
  EXPECT_EQ(codes, Codes({0, died_of(SIGKILL)}));
}

// Without cancel(), the end of the transport does the same.
TEST_F(Ucx, AStoppedPeerOfProcessesDoesNotHoldUpAnEnd) {
  constexpr std::size_t kBytes = 64 << 20;
  const Codes codes = on_processes(2, kLineBytes + kBytes, [](Bootstrap&, End& end) {
    if ((*end).rank() == 1) {
      introduce(*end);
      raise(SIGSTOP);
      return;
    }
    const pid_t peer = introduced(*end);
    ASSERT_GT(peer, 1);
    std::this_thread::sleep_for(200ms);
    auto source = std::make_unique<std::vector<std::byte>>(pattern(kBytes, 1));
    ASSERT_OK((*end).put(1, *source, kLineBytes));
    const auto start = Clock::now();
    end.transport = Status(Code::kAborted, "ended");
    EXPECT_LT(Clock::now() - start, 2s);
    source.reset();
    end.network = Status(Code::kAborted, "ended");
    EXPECT_LT(Clock::now() - start, 5s);
    kill(peer, SIGKILL);
  });
  EXPECT_EQ(codes, Codes({0, died_of(SIGKILL)}));
}

// A peer that was killed: what is for it goes nowhere, what is for others arrives.
TEST_F(Ucx, PutsToALostPeerOfProcessesAreDroppedWithoutAnError) {
  const Codes codes = on_processes(3, 1 << 20, [](Bootstrap&, End& end) {
    if ((*end).rank() == 2) {
      ASSERT_OK(wait(*end, 0, 0, 1, soon()));
      return;
    }
    if ((*end).rank() == 1) {
      introduce(*end);
      raise(SIGKILL);
    }
    const pid_t peer = introduced(*end);
    ASSERT_GT(peer, 1);
    const auto source = pattern(500'000, 1);
    Status status;
    for (const Deadline limit = soon(); status.ok() && Clock::now() < limit;) {
      ASSERT_OK((*end).put(1, source, kLineBytes));
      ASSERT_OK((*end).signal(1, 0, flag(1)));
      (*end).progress();
      std::this_thread::sleep_for(1ms);
      status = (*end).check(1);
    }
    EXPECT_EQ(status.code(), Code::kPeerLost);
    EXPECT_TRUE(contains(status.message(), "rank 1 (host ")) << status.message();
    EXPECT_TRUE(contains(status.message(), ", pid " + std::to_string(peer) + "): connection lost"))
        << status.message();
    for (int times = 0; times < 10; ++times) {
      ASSERT_OK((*end).put(1, source, kLineBytes));
      ASSERT_OK((*end).signal(1, 0, flag(1)));
    }
    for (const Deadline limit = soon(); Clock::now() < limit;) {
      if ((*end).flushed(1, (*end).puts(1))) break;
      (*end).progress();
    }
    EXPECT_TRUE((*end).flushed(1, (*end).puts(1)));
    // Others are as before.
    ASSERT_OK((*end).check(2));
    ASSERT_OK((*end).signal(2, 0, flag(1)));
    ASSERT_OK(flush(*end, 2, soon()));
  });
  EXPECT_EQ(codes, Codes({0, died_of(SIGKILL), 0}));
}

}  // namespace
}  // namespace tutti
