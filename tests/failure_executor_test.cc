// What the executor does when something goes wrong: nothing hangs, every rank fails, and the reason
// says who and why.
// ROOMS: executor algorithms inproc
// TIER: fast

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "executor/cpu/executor.h"
#include "processes.h"
#include "programme.h"
#include "transports/inproc/inproc.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::Flavor;
using test::RankRunner;
using test::Trial;
using test::TrialShape;
using test::Way;

constexpr int kRanks = 3;

struct Call {
  Collective collective = Collective::kAllReduce;
  std::string_view algorithm = "one_shot";  // everybody waits for everybody
  std::size_t count = 4;
  DataType type = DataType::kFloat32;
  ReduceOp op = Reduction::kSum;
  int root = 0;
  Way way = {};
};

// A group of ranks, and calls that they make.
class Group {
 public:
  using Wrap = std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>;

  explicit Group(
      InprocOptions options, std::chrono::milliseconds call_timeout = 20s,
      const Wrap& wrap = [](auto transport) { return transport; })
      : layout_(test::small_layout(kRanks, 8192, 48)) {
    options.faults = &faults_;
    auto transports = make_inproc_transports(kRanks, layout_.total, options);
    for (int rank = 0; rank < kRanks; ++rank) {
      runners_.push_back(
          std::make_unique<RankRunner>(wrap(std::move(transports[rank])), layout_,
                                       ExecutorSettings{.call_timeout = call_timeout, .spins = 2}));
    }
  }

  InprocFaults& faults() { return faults_; }
  CpuExecutor& executor(int rank) { return runners_[rank]->executor(); }
  void leave(int rank) { runners_[rank].reset(); }

  Status call(int rank, const Call& call = {}) {
    const Algorithm* algorithm = find_algorithm(call.collective, call.algorithm);
    trials_[rank].push_back(std::make_unique<Trial>(
        TrialShape{algorithm, kRanks, call.root, call.type, call.op, call.count}));
    return runners_[rank]->run(runners_[rank]->prepare(*trials_[rank].back(), call.way));
  }

  // Every rank's status; what `body` does not return in time is a failure of the test.
  std::vector<Status> run(const std::function<Status(int rank)>& body) {
    std::vector<Status> statuses(kRanks);
    const Clock::time_point start = Clock::now();
    test::run_ranks_as_threads(kRanks, [&](int rank) {
      statuses[rank] = body(rank);
      return 0;
    });
    EXPECT_LT(Clock::now() - start, 10s) << "much later than any deadline";
    return statuses;
  }

 private:
  const WindowLayout layout_;
  InprocFaults faults_;
  std::vector<std::unique_ptr<RankRunner>> runners_;
  std::vector<std::unique_ptr<Trial>> trials_[kRanks];
};

bool says(const Status& status, std::string_view words) {
  return status.message().find(words) != std::string::npos;
}

#define EXPECT_SAYS(status, words) EXPECT_TRUE(says(status, words)) << (status).to_string()

constexpr InprocOptions kMapped{.mapped = true};
constexpr InprocOptions kUnmapped{.mapped = false, .max_delay = 20us};

// ---- deadlines

TEST(Failure, WhoHasNotEnteredIsNamed) {
  Group group(kMapped, /*call_timeout=*/200ms);
  const auto statuses =
      group.run([&](int rank) { return rank == 2 ? Status() : group.call(rank); });
  for (const int rank : {0, 1}) {
    EXPECT_EQ(statuses[rank].code(), Code::kTimeout) << statuses[rank].to_string();
    EXPECT_SAYS(statuses[rank], "all_reduce #1 (float, 4, sum)");
    EXPECT_SAYS(statuses[rank], "rank 2 (pid ");
    EXPECT_SAYS(statuses[rank], "has not entered; it has called nothing yet");
    EXPECT_FALSE(says(statuses[rank], "rank 1 (pid")) << "rank 1 has entered";
  }
  // Who comes late learns what has happened, at once.
  const Status late = group.call(2);
  EXPECT_EQ(late.code(), Code::kTimeout);
  EXPECT_SAYS(late, "all_reduce #1");
}

TEST(Failure, WhereTheMissingRankIsIsSaid) {
  Group group(kMapped, /*call_timeout=*/200ms);
  const auto statuses = group.run([&](int rank) {
    Status status = group.call(rank, {Collective::kAllGather, "ring"});
    return rank == 2 || !status.ok() ? status : group.call(rank);
  });
  EXPECT_TRUE(statuses[2].ok()) << statuses[2].to_string();
  EXPECT_SAYS(statuses[0], "it has ended all_gather #1 (float, 4)");
  EXPECT_SAYS(statuses[0], "all_reduce #2");
}

TEST(Failure, MappedCallsHaveDeadlinesToo) {
  Group group(kMapped, /*call_timeout=*/200ms);
  const auto statuses = group.run([&](int rank) {
    return rank == 2 ? Status() : group.call(rank, {.way = {.flavor = Flavor::kMapped}});
  });
  for (const int rank : {0, 1}) {
    EXPECT_EQ(statuses[rank].code(), Code::kTimeout) << statuses[rank].to_string();
    EXPECT_SAYS(statuses[rank], "has not entered");
  }
}

TEST(Failure, FlatCallsHaveDeadlinesToo) {
  Group group(kMapped, /*call_timeout=*/200ms);
  const auto statuses = group.run(
      [&](int rank) { return rank == 2 ? Status() : group.call(rank, {.way = {.flat = true}}); });
  for (const int rank : {0, 1}) {
    EXPECT_EQ(statuses[rank].code(), Code::kTimeout) << statuses[rank].to_string();
    EXPECT_SAYS(statuses[rank], "has not entered");
  }
}

TEST(Failure, WhoIsWaitedForIsNamedWhereNobodySeesWhoHasEntered) {
  Group group(kUnmapped, /*call_timeout=*/200ms);
  const auto statuses =
      group.run([&](int rank) { return rank == 2 ? Status() : group.call(rank); });
  bool named = false;
  for (const int rank : {0, 1}) {
    EXPECT_EQ(statuses[rank].code(), Code::kTimeout) << statuses[rank].to_string();
    EXPECT_FALSE(says(statuses[rank], "has entered")) << statuses[rank].to_string();
    named |= says(statuses[rank], "waiting for rank 2");
  }
  EXPECT_TRUE(named) << statuses[0].to_string() << "\n" << statuses[1].to_string();
}

// The deadline is for a call in which nothing moves, not for one that takes its time.
TEST(Failure, ALongCallMayTakeLongerThanItsDeadline) {
  Group group({.mapped = false, .max_delay = 20ms}, /*call_timeout=*/400ms);
  const Clock::time_point start = Clock::now();
  const auto statuses =
      group.run([&](int rank) { return group.call(rank, {.count = 6000, .way = {.tile = 100}}); });
  for (const Status& status : statuses) EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_GT(Clock::now() - start, 500ms) << "the test shows nothing";
}

TEST(Failure, EveryLaterCallFailsForTheSameReason) {
  Group group(kMapped, /*call_timeout=*/100ms);
  const auto first = group.run([&](int rank) { return rank == 2 ? Status() : group.call(rank); });
  for (int rank = 0; rank < kRanks; ++rank) {
    for (const bool flat : {false, true}) {
      const Status later = group.call(rank, {.way = {.flat = flat}});
      EXPECT_EQ(later.code(), Code::kTimeout);
      EXPECT_SAYS(later, "rank 2");
      EXPECT_EQ(group.executor(rank).failure(), later);
    }
  }
}

// ---- ranks that call different things

struct Difference {
  Call call;
  std::string_view text;
};
const Difference kDifferences[] = {
    {{.count = 5}, "all_reduce #2 (float, 5, sum)"},
    {{.type = DataType::kInt32}, "all_reduce #2 (int32, 4, sum)"},
    {{.op = Reduction::kMax}, "all_reduce #2 (float, 4, max)"},
    {{.collective = Collective::kAllGather, .algorithm = "all_pairs"}, "all_gather #2 (float, 4)"},
    {{.algorithm = "one_shot", .count = 3000, .way = {.tile = 16, .lanes = 2}},
     "all_reduce #2 (float, 3000, sum)"},
};

// All ranks agree once, then rank 1 does something else. Ranks that disagree may write to the same
// scratch, which nobody reads any more: races that are meant, and that the tests' names tell.
std::vector<Status> disagree(const InprocOptions& options, const Call& common, const Call& other) {
  Group group(options, /*call_timeout=*/2s);
  return group.run([&](int rank) {
    Status status = group.call(rank, common);
    return status.ok() ? group.call(rank, rank == 1 ? other : common) : status;
  });
}

TEST(Failure, DifferentCallsAreAMismatchThatNamesBothAndScratchRacesOn) {
  for (const bool flat : {false, true}) {
    for (const auto& [call, text] : kDifferences) {
      SCOPED_TRACE(text);
      Call other = call;
      other.way.flat |= flat;
      for (const Status& status : disagree(kMapped, {.way = {.flat = flat}}, other)) {
        EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
        EXPECT_SAYS(status, text);
        EXPECT_SAYS(status, "all_reduce #2 (float, 4, sum)");
      }
    }
  }
}

TEST(Failure, DifferentMappedCallsAreAMismatchTooAndScratchRacesOn) {
  const Call common{.way = {.flavor = Flavor::kMapped}};
  for (const auto& [call, text] : kDifferences) {
    SCOPED_TRACE(text);
    Call other = call;
    for (const Flavor flavor : {Flavor::kMapped, Flavor::kStaged}) {
      other.way.flavor = flavor;
      for (const Status& status : disagree(kMapped, common, other)) {
        EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
        EXPECT_SAYS(status, text);
      }
    }
  }
}

// Here ranks see only that the digests differ. Signals may also never meet, which is a timeout.
TEST(Failure, DifferentCallsFailWhereNobodySeesRecordsAndScratchRacesOn) {
  int mismatches = 0;
  for (const auto& [call, text] : kDifferences) {
    SCOPED_TRACE(text);
    for (const Status& status : disagree(kUnmapped, {}, call)) {
      EXPECT_FALSE(status.ok());
      mismatches += status.code() == Code::kMismatch;
    }
  }
  EXPECT_GE(mismatches, 3 * kRanks);
}

// ---- abort

void expect_abort_ends(const InprocOptions& options, const Way& way) {
  Group group(options);
  std::thread aborter([&] {
    std::this_thread::sleep_for(50ms);
    group.executor(2).abort("the user has had enough");
  });
  const Clock::time_point start = Clock::now();
  // Rank 2 does not even call: the others wait for it.
  const auto statuses =
      group.run([&](int rank) { return rank == 2 ? Status() : group.call(rank, {.way = way}); });
  aborter.join();
  EXPECT_LT(Clock::now() - start, 5s);
  for (const int rank : {0, 1}) {
    EXPECT_EQ(statuses[rank].code(), Code::kAborted) << statuses[rank].to_string();
    EXPECT_SAYS(statuses[rank], "aborted by rank 2: the user has had enough");
  }
  EXPECT_EQ(group.call(2).code(), Code::kAborted);
}

TEST(Failure, AbortEndsTheCallsOfAllRanks) {
  expect_abort_ends(kMapped, {});
  expect_abort_ends(kMapped, {.flat = true});
  expect_abort_ends(kMapped, {.flavor = Flavor::kMapped});
  expect_abort_ends(kUnmapped, {});
}

TEST(Failure, AbortEndsTheCallOfItsOwnRank) {
  for (const InprocOptions& options : {kMapped, kUnmapped}) {
    Group group(options);
    std::thread aborter([&] {
      std::this_thread::sleep_for(50ms);
      group.executor(0).abort("");
    });
    const auto statuses =
        group.run([&](int rank) { return rank == 2 ? Status() : group.call(rank); });
    aborter.join();
    for (const int rank : {0, 1}) {
      EXPECT_EQ(statuses[rank].code(), Code::kAborted) << statuses[rank].to_string();
      EXPECT_SAYS(statuses[rank], "aborted by rank 0");
    }
  }
}

TEST(Failure, AbortsAtOnceFromEverywhereAreOneAbort) {
  for (const InprocOptions& options : {kMapped, kUnmapped}) {
    Group group(options);
    std::vector<std::thread> aborters;
    for (int i = 0; i < 6; ++i) {
      aborters.emplace_back([&group, i] { group.executor(i % kRanks).abort("twice"); });
    }
    // Calls may still end well before they hear of it.
    group.run([&](int rank) {
      Status status;
      while (status.ok()) status = group.call(rank);
      EXPECT_EQ(status.code(), Code::kAborted) << status.to_string();
      return status;
    });
    for (std::thread& aborter : aborters) aborter.join();
  }
}

// Passes everything on; notices two threads inside at once.
class OneThreadTransport final : public Transport {
  // Above its uses, which deduce from it.
  template <class Use>
  auto alone(const Use& use) {
    if (inside_.fetch_add(1) != 0) broken_ = true;
    auto result = use();
    inside_.fetch_sub(1);
    return result;
  }

 public:
  OneThreadTransport(std::unique_ptr<Transport> inner, std::atomic<bool>& broken)
      : inner_(std::move(inner)), broken_(broken) {}

  int rank() const override { return inner_->rank(); }
  int ranks() const override { return inner_->ranks(); }
  std::span<std::byte> window() override { return inner_->window(); }
  std::byte* map(int peer) override { return inner_->map(peer); }
  Status put(int peer, std::span<const std::byte> source, std::size_t offset) override {
    return alone([&] { return inner_->put(peer, source, offset); });
  }
  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    return alone([&] { return inner_->signal(peer, offset, signal); });
  }
  std::uint64_t puts(int peer) override {
    return alone([&] { return inner_->puts(peer); });
  }
  bool flushed(int peer, std::uint64_t puts) override {
    return alone([&] { return inner_->flushed(peer, puts); });
  }
  void cancel(int peer) override {
    alone([&] { return inner_->cancel(peer), true; });
  }
  Status check(int peer) override {
    return alone([&] { return inner_->check(peer); });
  }
  std::string path(int peer) const override { return inner_->path(peer); }

 private:
  std::unique_ptr<Transport> inner_;
  std::atomic<int> inside_{0};
  std::atomic<bool>& broken_;
};

TEST(Failure, AbortUsesNoTransportThatACallIsUsing) {
  std::atomic<bool> broken{false};
  // Deliveries take their time, so that calls spend theirs waiting.
  Group group({.mapped = false, .max_delay = 100ms}, 20s, [&](std::unique_ptr<Transport> inner) {
    return std::make_unique<OneThreadTransport>(std::move(inner), broken);
  });
  std::thread aborter([&] {
    std::this_thread::sleep_for(20ms);
    for (int rank = 0; rank < kRanks; ++rank) group.executor(rank).abort("in the middle");
  });
  const auto statuses = group.run([&](int rank) {
    Status status;
    while (status.ok()) status = group.call(rank, {Collective::kBroadcast, "direct", 2000});
    return status;
  });
  aborter.join();
  for (const Status& status : statuses) {
    EXPECT_EQ(status.code(), Code::kAborted) << status.to_string();
  }
  EXPECT_FALSE(broken);
}

// ---- lost peers

TEST(Failure, AKilledRankIsNamed) {
  for (const InprocOptions& options : {kMapped, kUnmapped}) {
    Group group(options);
    group.faults().kill(2);
    const auto statuses =
        group.run([&](int rank) { return rank == 2 ? Status() : group.call(rank); });
    for (const int rank : {0, 1}) {
      EXPECT_EQ(statuses[rank].code(), Code::kPeerLost) << statuses[rank].to_string();
      EXPECT_SAYS(statuses[rank], "rank 2 was killed");
    }
  }
}

TEST(Failure, ARankThatDiesBetweenCallsIsNamed) {
  Group group(kUnmapped);
  const auto statuses = group.run([&](int rank) {
    Status status;
    for (int i = 0; i < 20 && status.ok(); ++i) {
      if (rank == 2 && i == 10) group.faults().kill(2);
      if (rank != 2 || i < 10) status = group.call(rank);
    }
    return status;
  });
  for (const int rank : {0, 1}) {
    EXPECT_EQ(statuses[rank].code(), Code::kPeerLost) << statuses[rank].to_string();
    EXPECT_SAYS(statuses[rank], "rank 2 was killed");
  }
}

TEST(Failure, ACutLinkIsATimeoutOnAllRanks) {
  Group group(kUnmapped, /*call_timeout=*/300ms);
  group.faults().cut(2, 0);
  const auto statuses = group.run([&](int rank) {
    Status status = group.call(rank);
    if (!status.ok()) return status;
    // Who lacked nothing hears of it in the next call; long before its own deadline.
    std::this_thread::sleep_for(150ms);
    return group.call(rank);
  });
  for (const Status& status : statuses) {
    EXPECT_EQ(status.code(), Code::kTimeout) << status.to_string();
  }
  EXPECT_SAYS(statuses[0], "waiting for rank 2");
}

TEST(Failure, ARankThatHasLeftIsNamed) {
  Group group(kMapped);
  group.leave(2);
  const auto statuses =
      group.run([&](int rank) { return rank == 2 ? Status() : group.call(rank); });
  for (const int rank : {0, 1}) {
    EXPECT_EQ(statuses[rank].code(), Code::kPeerLost) << statuses[rank].to_string();
    EXPECT_SAYS(statuses[rank], "rank 2 has left the communicator");
  }
}

// What a rank gave before it left still counts.
TEST(Failure, ARankMayLeaveAsSoonAsItsCallsHaveEnded) {
  for (int i = 0; i < 20; ++i) {
    Group group(kMapped);
    const auto statuses = group.run([&](int rank) {
      Status status = group.call(rank, {Collective::kBroadcast, "direct"});
      if (rank == 0) group.leave(0);
      return status;
    });
    for (const Status& status : statuses) EXPECT_TRUE(status.ok()) << status.to_string();
  }
}

}  // namespace
}  // namespace tutti
