// Every transport keeps the promises of transports/transport.h. Written once, run over each.
//
// ROOMS: joint shm ucx inproc
// TIER: fast

#include "transports/transport.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "bootstrap/part_bootstrap.h"
#include "bootstrap/thread_bootstrap.h"
#include "expect_ok.h"
#include "pages.h"
#include "pipe_bootstrap.h"
#include "processes.h"
#include "transports/heartbeat/heartbeat.h"
#include "transports/inproc/inproc.h"
#include "transports/joint/joint.h"
#include "transports/shm/shm.h"
#include "transports/ucx/ucx.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::died_of;
using test::Pages;
using Clock = std::chrono::steady_clock;

enum class Kind {
  kShmThreads,
  kShmProcesses,
  kUcxThreads,
  kUcxProcesses,
  kJointThreads,  // even and odd ranks are on two hosts that the test makes up
  kJointProcesses,
  kInprocMapped,
  kInprocDelayed
};

bool has_processes(Kind kind) {
  return kind == Kind::kShmProcesses || kind == Kind::kUcxProcesses ||
         kind == Kind::kJointProcesses;
}
bool is_joint(Kind kind) { return kind == Kind::kJointThreads || kind == Kind::kJointProcesses; }
bool needs_ucx(Kind kind) {
  return kind == Kind::kUcxThreads || kind == Kind::kUcxProcesses || is_joint(kind);
}
// Threads of a process live as long as it does; only made-up transports can tell otherwise.
bool can_lose_a_rank(Kind kind) {
  return has_processes(kind) || kind == Kind::kInprocMapped || kind == Kind::kInprocDelayed;
}

// How many of its three peers a rank of four can store to.
int mapped_of_three(Kind kind) {
  switch (kind) {
    case Kind::kShmThreads:
    case Kind::kShmProcesses:
    case Kind::kInprocMapped:
      return 3;
    case Kind::kJointThreads:
    case Kind::kJointProcesses:
      return 1;
    case Kind::kUcxThreads:
    case Kind::kUcxProcesses:
    case Kind::kInprocDelayed:
      return 0;
  }
  return -1;
}

// One rank of a test. `die` ends it as a failing process ends, as far as the transport can tell.
struct Rank {
  Transport& transport;
  std::function<void()> die;

  int rank() const { return transport.rank(); }
  int ranks() const { return transport.ranks(); }
};
using Body = std::function<void(Rank)>;

Deadline soon() { return Clock::now() + 20s; }

// Runs the body as every rank of a fresh group.
class World {
 public:
  World(Kind kind, std::size_t window_bytes) : kind_(kind), window_bytes_(window_bytes) {}

  std::vector<int> run(int ranks, const Body& body) const {
    switch (kind_) {
      case Kind::kShmThreads:
      case Kind::kUcxThreads:
      case Kind::kJointThreads:
        return run_threads(ranks, body);
      case Kind::kShmProcesses:
      case Kind::kUcxProcesses:
      case Kind::kJointProcesses:
        return run_processes(ranks, body);
      case Kind::kInprocMapped:
        return run_inproc(ranks, body, {.mapped = true});
      case Kind::kInprocDelayed:
        return run_inproc(ranks, body, {.max_delay = 200us});
    }
    return {};
  }

 private:
  Result<std::unique_ptr<Transport>> make(Bootstrap& bootstrap, std::span<std::byte> pages) const {
    if (kind_ == Kind::kShmThreads || kind_ == Kind::kShmProcesses) {
      return make_shm_transport(bootstrap, window_bytes_, soon());
    }
    if (is_joint(kind_)) return make_joint(bootstrap);
    return make_ucx_transport(bootstrap, open_ucx_network({}), pages, soon());
  }

  Result<std::unique_ptr<Transport>> make_joint(Bootstrap& bootstrap) const {
    JointParts parts;
    std::vector<int> members;
    parts.near_ranks.assign(bootstrap.ranks(), -1);
    for (int rank = bootstrap.rank() % 2; rank < bootstrap.ranks(); rank += 2) {
      parts.near_ranks[rank] = static_cast<int>(members.size());
      members.push_back(rank);
    }
    parts.heartbeat_ranks.resize(bootstrap.ranks());
    std::iota(parts.heartbeat_ranks.begin(), parts.heartbeat_ranks.end(), 0);

    PartBootstrap part(bootstrap, members);
    auto near = make_shm_transport(part, window_bytes_, soon());
    if (Status status = part.finish(kShmAllGathers, soon()); !status.ok()) return status;
    if (!near.ok()) return near.status();
    auto far = make_ucx_transport(bootstrap, open_ucx_network({}), (*near)->window(), soon());
    if (!far.ok()) return far.status();
    auto heartbeat = Heartbeat::start(bootstrap, {}, soon());
    if (!heartbeat.ok()) return heartbeat.status();
    parts.near = std::move(*near);
    parts.far = std::move(*far);
    parts.heartbeat = std::move(*heartbeat);
    return make_joint_transport(std::move(parts));
  }

  int run_rank(Bootstrap& bootstrap, const Body& body, const std::function<void()>& die) const {
    const Pages pages(window_bytes_);
    auto transport = make(bootstrap, pages.span());
    if (!transport.ok()) {
      ADD_FAILURE() << transport.status().to_string();
      return 1;
    }
    body({**transport, die});
    return 0;
  }

  std::vector<int> run_threads(int ranks, const Body& body) const {
    const auto bootstraps = make_thread_bootstraps(ranks);
    return test::run_ranks_as_threads(
        ranks, [&](int rank) { return run_rank(*bootstraps[rank], body, [] {}); });
  }

  std::vector<int> run_processes(int ranks, const Body& body) const {
    const test::PipeWires wires(ranks);
    return test::run_ranks_as_processes(ranks, [&](int rank) {
      test::PipeBootstrap bootstrap(wires, rank);
      return run_rank(bootstrap, body, [] { raise(SIGKILL); });
    });
  }

  std::vector<int> run_inproc(int ranks, const Body& body, InprocOptions options) const {
    InprocFaults faults;
    options.faults = &faults;
    const auto transports = make_inproc_transports(ranks, window_bytes_, options);
    return test::run_ranks_as_threads(ranks, [&](int rank) {
      body({*transports[rank], [&faults, rank] { faults.kill(rank); }});
      return 0;
    });
  }

  const Kind kind_;
  const std::size_t window_bytes_;
};

class TransportTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!needs_ucx(GetParam())) return;
    // A wrong name is noticed before anything of UCX is started, which could not be forked.
    const Status status = open_ucx_network({.interface = "", .net_devices = "none"}).status();
    if (status.code() == Code::kNotSupported) GTEST_SKIP() << status.message();
  }

  // Every rank shall end well.
  void run(int ranks, std::size_t window_bytes, const Body& body) const {
    EXPECT_EQ(World(GetParam(), window_bytes).run(ranks, body), std::vector<int>(ranks, 0));
  }
};

const Line& line_at(Transport& transport, std::size_t offset) {
  return *reinterpret_cast<const Line*>(transport.window().data() + offset);
}

Signal flag(std::uint64_t value) { return {.flag = value, .signature = 0, .payload = {}}; }

std::span<const std::byte> bytes_of(const auto& value) {
  return std::as_bytes(std::span(&value, 1));
}

// Bytes that tell their place and the round.
std::vector<std::byte> pattern(std::size_t bytes, int round) {
  std::vector<std::byte> made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) made[i] = std::byte((i * 7 + i / 256 + round * 13) & 255);
  return made;
}

// Rank 1 sees each signal after all that went before it: a thousand puts and signals, none of
// which overtakes another.
TEST_P(TransportTest, PutsAndSignalsTakeEffectInTheOrderIssued) {
  constexpr int kRounds = 1000;
  constexpr std::size_t kWords = 2 * kLineBytes;  // where the puts go: a word a round
  run(2, kWords + kRounds * sizeof(int), [&](Rank self) {
    std::vector<int> values(kRounds);
    std::iota(values.begin(), values.end(), 1);
    if (self.rank() == 0) {
      for (int i = 0; i < kRounds; ++i) {
        ASSERT_OK(self.transport.put(1, bytes_of(values[i]), kWords + i * sizeof(int)));
        ASSERT_OK(self.transport.signal(1, 0, flag(i + 1)));
      }
      ASSERT_OK(flush(self.transport, 1, soon()));
      return;
    }
    std::uint64_t seen = 0;
    const std::byte* const words = self.transport.window().data() + kWords;
    for (const Deadline limit = soon(); seen < kRounds && Clock::now() < limit;) {
      const std::uint64_t flag = line_at(self.transport, 0).flag.load(std::memory_order_acquire);
      ASSERT_GE(flag, seen);
      for (; seen < flag; ++seen) {
        int word = 0;
        std::memcpy(&word, words + seen * sizeof(int), sizeof(int));
        ASSERT_EQ(word, static_cast<int>(seen) + 1);
      }
      std::this_thread::yield();
    }
    EXPECT_EQ(seen, kRounds);
  });
}

TEST_P(TransportTest, ThePayloadArrivesWithItsFlag) {
  run(2, 2 * kLineBytes, [](Rank self) {
    const int peer = 1 - self.rank();
    for (std::uint64_t round = 1; round <= 200; ++round) {
      const std::size_t bytes = round % (kInlineBytes + 1);
      const auto sent = pattern(bytes, static_cast<int>(round));
      // Rank 1 answers, so that no line is reused before it is read.
      if (self.rank() == 1) ASSERT_OK(wait(self.transport, peer, 0, round, soon()));
      if (self.rank() == 1) {
        const Line& line = line_at(self.transport, 0);
        EXPECT_EQ(line.signature, round * 3);
        ASSERT_EQ(line.bytes, bytes);
        EXPECT_TRUE(std::equal(sent.begin(), sent.end(), line.payload));
      }
      ASSERT_OK(
          self.transport.signal(peer, 0, {round, static_cast<std::uint32_t>(round * 3), sent}));
      if (self.rank() == 0) ASSERT_OK(wait(self.transport, peer, 0, round, soon()));
    }
  });
}

TEST_P(TransportTest, APutIsVisibleOnceTheSignalAfterItIs) {
  constexpr std::size_t kRead = kLineBytes;  // where a rank says that it has read
  constexpr std::size_t kData = 2 * kLineBytes;
  for (const std::size_t bytes : {0, 1, 63, 64, 4097, 65536, 3 * 1024 * 1024 + 5}) {
    SCOPED_TRACE(bytes);
    run(2, kData + bytes, [&](Rank self) {
      const int peer = 1 - self.rank();
      for (int round = 1; round <= 3; ++round) {
        const auto sent = pattern(bytes, round + 100 * self.rank());
        ASSERT_OK(self.transport.put(peer, sent, kData));
        ASSERT_OK(self.transport.signal(peer, 0, flag(round)));
        ASSERT_OK(wait(self.transport, peer, 0, round, soon()));
        const auto expected = pattern(bytes, round + 100 * peer);
        EXPECT_TRUE(
            std::equal(expected.begin(), expected.end(), self.transport.window().begin() + kData));
        ASSERT_OK(self.transport.signal(peer, kRead, flag(round)));
        ASSERT_OK(wait(self.transport, peer, kRead, round, soon()));
      }
    });
  }
}

TEST_P(TransportTest, AByteCanBePutAtTheLastOffset) {
  constexpr std::size_t kWindow = 3 * 4096 + 100;
  run(2, kWindow, [](Rank self) {
    const int peer = 1 - self.rank();
    const std::byte sent{0x5a};
    ASSERT_OK(self.transport.put(peer, bytes_of(sent), kWindow - 1));
    ASSERT_OK(self.transport.signal(peer, 0, flag(1)));
    ASSERT_OK(wait(self.transport, peer, 0, 1, soon()));
    EXPECT_EQ(self.transport.window()[kWindow - 1], std::byte{0x5a});
    EXPECT_EQ(self.transport.window()[kWindow - 2], std::byte{0});
    ASSERT_OK(flush(self.transport, peer, soon()));
  });
}

// Rank 1 calls nothing but looks at its own memory; rank 0's flush() ends all the same.
TEST_P(TransportTest, APutCompletesWithoutAnyCallOnThePeer) {
  constexpr std::size_t kBytes = 1 << 20;
  run(2, kLineBytes + kBytes, [](Rank self) {
    if (self.rank() == 0) {
      const auto sent = pattern(kBytes, 1);
      ASSERT_OK(self.transport.put(1, sent, kLineBytes));
      ASSERT_OK(self.transport.signal(1, 0, flag(1)));
      ASSERT_OK(flush(self.transport, 1, soon()));
      return;
    }
    const Line& line = line_at(self.transport, 0);
    for (const Deadline limit = soon(); Clock::now() < limit;) {
      if (line.flag.load(std::memory_order_acquire) == 1) break;
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(line.flag.load(std::memory_order_acquire), 1u);
    const auto expected = pattern(kBytes, 1);
    EXPECT_TRUE(
        std::equal(expected.begin(), expected.end(), self.transport.window().begin() + kLineBytes));
  });
}

// flush() is what lets a source change: the receiver must see the bytes as they were.
TEST_P(TransportTest, ASourceMayChangeAfterFlush) {
  constexpr int kRounds = 50;
  constexpr std::size_t kBytes = 5000;
  run(2, kLineBytes + kRounds * kBytes, [](Rank self) {
    if (self.rank() == 0) {
      for (int round = 0; round < kRounds; ++round) {
        auto source = pattern(kBytes, round);
        ASSERT_OK(self.transport.put(1, source, kLineBytes + round * kBytes));
        ASSERT_OK(flush(self.transport, 1, soon()));
        std::fill(source.begin(), source.end(), std::byte{0xEE});
      }
      ASSERT_OK(self.transport.signal(1, 0, flag(1)));
      ASSERT_OK(flush(self.transport, 1, soon()));
      return;
    }
    ASSERT_OK(wait(self.transport, 0, 0, 1, soon()));
    for (int round = 0; round < kRounds; ++round) {
      const auto expected = pattern(kBytes, round);
      const auto begin = self.transport.window().begin() + kLineBytes + round * kBytes;
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), begin)) << "round " << round;
    }
  });
}

TEST_P(TransportTest, AWaitThatEndsAtItsDeadlineNamesThePeer) {
  run(2, 4096, [](Rank self) {
    if (self.rank() == 0) {
      const auto start = Clock::now();
      const Status status = wait(self.transport, 1, 64, 5, start + 200ms);
      EXPECT_EQ(status.code(), Code::kTimeout);
      EXPECT_NE(status.message().find("rank 1"), std::string::npos) << status.message();
      EXPECT_GE(Clock::now() - start, 200ms);
      EXPECT_LT(Clock::now() - start, 1500ms);
      ASSERT_OK(self.transport.signal(1, 0, flag(1)));
      ASSERT_OK(flush(self.transport, 1, soon()));
    } else {
      // Alive, and silent until rank 0 is done.
      ASSERT_OK(wait(self.transport, 0, 0, 1, soon()));
    }
  });
}

TEST_P(TransportTest, ALostPeerEndsTheWaitWithinASecond) {
  if (!can_lose_a_rank(GetParam())) GTEST_SKIP() << "threads of a process live as it does";
  // Where there are hosts, 1 is on another one than 0, and 2 is on the same.
  for (const int lost : {1, 2}) {
    const int other = 3 - lost;
    const std::string name = "rank " + std::to_string(lost);
    const std::vector<int> codes = World(GetParam(), 4096).run(3, [&](Rank self) {
      if (self.rank() == lost) {
        ASSERT_OK(wait(self.transport, 0, 0, 6, soon()));
        ASSERT_OK(self.transport.signal(0, 0, flag(7)));
        ASSERT_OK(flush(self.transport, 0, soon()));
        while (self.transport.progress()) {
        }
        self.die();
        return;
      }
      if (self.rank() == other) {
        ASSERT_OK(wait(self.transport, 0, 0, 1, soon()));
        return;
      }
      // A transport may know only of those it has sent to. What comes before an end still counts.
      ASSERT_OK(self.transport.signal(lost, 0, flag(6)));
      EXPECT_OK(wait(self.transport, lost, 0, 7, soon()));
      const auto start = Clock::now();
      const Status status = wait(self.transport, lost, 64, 1, start + 10s);
      EXPECT_EQ(status.code(), Code::kPeerLost) << status.to_string();
      EXPECT_NE(status.message().find(name), std::string::npos) << status.message();
      EXPECT_LT(Clock::now() - start, 1s);
      EXPECT_EQ(self.transport.check(lost).code(), Code::kPeerLost);
      EXPECT_OK(self.transport.check(other));
      ASSERT_OK(self.transport.signal(other, 0, flag(1)));
      ASSERT_OK(flush(self.transport, other, soon()));
    });
    std::vector<int> expected(3, 0);
    if (has_processes(GetParam())) expected[lost] = died_of(SIGKILL);
    EXPECT_EQ(codes, expected);
  }
}

TEST_P(TransportTest, WindowsAreZeroedPageAlignedAndOfTheSizeAskedFor) {
  constexpr std::size_t kWindow = 100'000;  // not a number of pages
  run(3, kWindow, [&](Rank self) {
    const std::span<std::byte> window = self.transport.window();
    EXPECT_EQ(self.ranks(), 3);
    EXPECT_EQ(window.size(), kWindow);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(window.data()) % 4096, 0u);
    EXPECT_EQ(self.transport.map(self.rank()), window.data());
    EXPECT_EQ(std::count(window.begin(), window.end(), std::byte{0}),
              static_cast<std::ptrdiff_t>(kWindow));
  });
}

// A store through map() is in the window of its owner and of nobody else, as a put is.
TEST_P(TransportTest, AMappedWindowIsThePeersOwn) {
  constexpr std::size_t kMarks = 4096;
  const int expected = mapped_of_three(GetParam());
  run(4, 3 * 4096, [&](Rank self) {
    const std::byte mine{static_cast<unsigned char>(40 + self.rank())};
    int mapped = 0;
    for (int peer = 0; peer < 4; ++peer) {
      if (peer == self.rank()) continue;
      std::byte* const theirs = self.transport.map(peer);
      if (theirs != nullptr) {
        theirs[kMarks + self.rank()] = mine;
        ++mapped;
      } else {
        ASSERT_OK(self.transport.put(peer, bytes_of(mine), kMarks + self.rank()));
      }
      ASSERT_OK(self.transport.signal(peer, self.rank() * kLineBytes, flag(1)));
    }
    EXPECT_EQ(mapped, expected);
    for (int peer = 0; peer < 4; ++peer) {
      if (peer == self.rank()) continue;
      ASSERT_OK(wait(self.transport, peer, peer * kLineBytes, 1, soon()));
      EXPECT_EQ(self.transport.window()[kMarks + peer], std::byte(40 + peer));
      ASSERT_OK(flush(self.transport, peer, soon()));
    }
    EXPECT_EQ(self.transport.window()[kMarks + self.rank()], std::byte{0});
  });
}

// More ranks than cores: whoever waits must let others run.
TEST_P(TransportTest, EightRanksSignalAllToAll) {
  constexpr int kRanks = 8;
  // Two lines a peer, taken in turn: a peer can be a round ahead, but not two, since it waits too.
  const auto line_of = [](int peer, int round) {
    return static_cast<std::size_t>(2 * peer + round % 2) * kLineBytes;
  };
  run(kRanks, 2 * kRanks * kLineBytes, [&](Rank self) {
    for (int round = 1; round <= 50; ++round) {
      for (int peer = 0; peer < kRanks; ++peer) {
        if (peer == self.rank()) continue;
        const int said = round * 100 + self.rank();
        Signal signal = flag(round);
        signal.payload = bytes_of(said);
        ASSERT_OK(self.transport.signal(peer, line_of(self.rank(), round), signal));
      }
      for (int peer = 0; peer < kRanks; ++peer) {
        if (peer == self.rank()) continue;
        ASSERT_OK(wait(self.transport, peer, line_of(peer, round), round, soon()));
        int said = 0;
        std::memcpy(&said, line_at(self.transport, line_of(peer, round)).payload, sizeof(said));
        ASSERT_EQ(said, round * 100 + peer);
      }
    }
  });
}

TEST_P(TransportTest, BothDirectionsRunAtOnce) {
  constexpr std::size_t kBytes = 256 * 1024;
  constexpr int kRounds = 20;
  run(2, kLineBytes + kRounds * kBytes, [](Rank self) {
    const int peer = 1 - self.rank();
    std::vector<std::vector<std::byte>> sources;
    for (int round = 0; round < kRounds; ++round) {
      sources.push_back(pattern(kBytes, round + 50 * self.rank()));
      ASSERT_OK(self.transport.put(peer, sources.back(), kLineBytes + round * kBytes));
    }
    ASSERT_OK(self.transport.signal(peer, 0, flag(1)));
    ASSERT_OK(wait(self.transport, peer, 0, 1, soon()));
    for (int round = 0; round < kRounds; ++round) {
      const auto expected = pattern(kBytes, round + 50 * peer);
      const auto begin = self.transport.window().begin() + kLineBytes + round * kBytes;
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), begin)) << "round " << round;
    }
    ASSERT_OK(flush(self.transport, peer, soon()));
  });
}

// Puts to annexes, whose memory stands for a device's, and to windows, in turn and both ways.
TEST_P(TransportTest, WhatIsPutToAnAnnexIsThereAfterItsSignal) {
  constexpr std::size_t kWindow = 4096, kAnnex = (1 << 20) + 13;
  run(2, kWindow, [](Rank self) {
    Transport& transport = self.transport;
    if (!transport.direct_puts(MemoryKind::kHost).possible.ok()) {
      EXPECT_TRUE(transport.map(1 - self.rank()) != nullptr || GetParam() == Kind::kInprocDelayed);
      return;
    }
    const int peer = 1 - self.rank();
    std::vector<std::byte> annex(kAnnex);
    transport.add_annex(annex, MemoryKind::kHost);
    const std::size_t begin = transport.window().size();
    ASSERT_OK(transport.signal(peer, 128, flag(1)));
    ASSERT_OK(wait(transport, peer, 128, 1, soon()));
    std::uint64_t round = 0;
    for (const std::size_t bytes :
         {std::size_t{1}, std::size_t{100}, std::size_t{70'001}, kAnnex}) {
      ++round;
      const int salt = static_cast<int>(round);
      const auto sent = pattern(bytes, salt + 100 * self.rank());
      const auto few = pattern(64, salt + 50 + 100 * self.rank());
      ASSERT_OK(transport.put(peer, sent, begin + kAnnex - bytes));
      ASSERT_OK(transport.put(peer, few, 1024));
      ASSERT_OK(transport.signal(peer, 0, flag(round)));
      ASSERT_OK(wait(transport, peer, 0, round, soon()));
      const auto expected = pattern(bytes, salt + 100 * peer);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), annex.end() - bytes)) << bytes;
      const auto expected_few = pattern(64, salt + 50 + 100 * peer);
      EXPECT_TRUE(
          std::equal(expected_few.begin(), expected_few.end(), transport.window().begin() + 1024));
      ASSERT_OK(flush(transport, peer, soon()));
      ASSERT_OK(transport.signal(peer, 64, flag(round)));  // read, and may be written again
      ASSERT_OK(wait(transport, peer, 64, round, soon()));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Every, TransportTest,
                         testing::Values(Kind::kShmThreads, Kind::kShmProcesses, Kind::kUcxThreads,
                                         Kind::kUcxProcesses, Kind::kJointThreads,
                                         Kind::kJointProcesses, Kind::kInprocMapped,
                                         Kind::kInprocDelayed),
                         [](const testing::TestParamInfo<Kind>& info) -> std::string {
                           switch (info.param) {
                             case Kind::kShmThreads:
                               return "ShmThreads";
                             case Kind::kShmProcesses:
                               return "ShmProcesses";
                             case Kind::kUcxThreads:
                               return "UcxThreads";
                             case Kind::kUcxProcesses:
                               return "UcxProcesses";
                             case Kind::kJointThreads:
                               return "JointThreads";
                             case Kind::kJointProcesses:
                               return "JointProcesses";
                             case Kind::kInprocMapped:
                               return "InprocMapped";
                             case Kind::kInprocDelayed:
                               return "InprocDelayed";
                           }
                           return "";
                         });

}  // namespace
}  // namespace tutti
