// The CPU executor against the reference execution, bit by bit: every algorithm, in every way that
// it can run, on so little memory that blocks wait for each other.
// ROOMS: executor algorithms inproc
// TIER: fast

#include "executor/cpu/executor.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "groups.h"
#include "processes.h"
#include "programme.h"
#include "sanitizers.h"
#include "transports/inproc/inproc.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::Flavor;
using test::Programme;
using test::RankRunner;
using test::Trial;
using test::Way;

struct Ground {
  InprocOptions transport;
  std::size_t scratch_bytes = 8192;
  std::size_t lines = 96;
  int most_ranks = test::or_few(7, 4);
};

// Each rank walks through the programme; `pick(i)` says what the i-th call is.
void perform(const Programme& programme, const Ground& ground, std::size_t calls,
             const std::function<std::size_t(std::size_t)>& pick) {
  const int ranks = programme.ranks();
  const WindowLayout layout = test::small_layout(ranks, ground.scratch_bytes, ground.lines);
  auto transports = make_inproc_transports(ranks, layout.total, ground.transport);
  std::vector<std::unique_ptr<RankRunner>> runners;
  for (int rank = 0; rank < ranks; ++rank) {
    runners.push_back(std::make_unique<RankRunner>(
        std::move(transports[rank]), layout, ExecutorSettings{.call_timeout = 20s, .spins = 2}));
  }
  test::run_ranks_as_threads(ranks, [&](int rank) {
    for (std::size_t i = 0; i < calls; ++i) {
      const test::Planned& planned = programme.planned()[pick(i)];
      const std::string wrong = runners[rank]->run(*planned.trial, planned.way);
      if (wrong.empty()) continue;
      ADD_FAILURE() << "call " << i << ", " << planned.to_string() << ": " << wrong;
      runners[rank]->executor().abort("a wrong result");
      return 1;
    }
    return 0;
  });
}

void perform_all(const Programme& programme, const Ground& ground) {
  perform(programme, ground, programme.planned().size(), [](std::size_t i) { return i; });
}

// Every algorithm that `takes` names, of all sizes, counts and places; `add_ways` says how it runs.
using AddWays = std::function<void(Programme&, const Trial&)>;
void for_all_trials(const Ground& ground, const std::function<bool(const Algorithm&)>& takes,
                    const std::vector<std::size_t>& large, const AddWays& add_ways) {
  for (const Group& group : test::groups(1, ground.most_ranks)) {
    Programme programme(group);
    const std::size_t n = static_cast<std::size_t>(group.ranks);
    std::vector<std::size_t> counts = {0, 1, n - 1, n, n + 1, 61};
    counts.insert(counts.end(), large.begin(), large.end());
    for (const Algorithm& algorithm : catalog()) {
      if (!allows(algorithm, group) || !takes(algorithm)) continue;
      if (!group.hosts.empty() && allows(algorithm, group.ranks)) continue;
      for (const std::size_t count : counts) {
        for (const bool in_place : {false, true}) {
          if (in_place && !algorithm.in_place) continue;
          add_ways(programme, programme.add(algorithm, count, in_place));
        }
      }
    }
    perform_all(programme, ground);
    if (testing::Test::HasFailure()) return;
  }
}

bool any(const Algorithm&) { return true; }
bool pushes(const Algorithm& algorithm) { return !algorithm.pull; }

TEST(Executor, GivesTheBitsOfTheReferenceWithBuffersOfItsOwn) {
  for_all_trials({.transport = {.mapped = true}}, any, {1009}, [](Programme& p, const Trial& t) {
    p.plan(t, {.tile = 4096});
    p.plan(t, {.tile = 4096, .flat = true});
    p.plan(t, {.tile = 16, .lanes = 1 + static_cast<int>(p.planned().size() / 2 % 4)});
  });
}

TEST(Executor, GivesTheBitsOfTheReferenceWithBuffersThatPeersReach) {
  for_all_trials({.transport = {.mapped = true}}, any, {1009}, [](Programme& p, const Trial& t) {
    p.plan(t, {.flavor = Flavor::kMapped, .tile = 4096});
    p.plan(t, {.flavor = Flavor::kMapped,
               .tile = 16,
               .lanes = 1 + static_cast<int>(p.planned().size() / 2 % 4)});
  });
}

TEST(Executor, GivesTheBitsOfTheReferenceWithPayloadInTheSignals) {
  for_all_trials({.transport = {.mapped = true}}, pushes, {}, [](Programme& p, const Trial& t) {
    p.plan(t, {.flavor = Flavor::kInline, .flat = true});
    p.plan(t, {.flavor = Flavor::kInline, .lanes = 3});
    p.plan(t, {.flavor = Flavor::kInline, .tile = 5, .lanes = 2});
  });
}

TEST(Executor, GivesTheBitsOfTheReferenceOverATransportThatIsLate) {
  const Ground ground{.transport = {.mapped = false, .max_delay = 20us},
                      .most_ranks = test::or_few(5, 4)};
  for_all_trials(ground, pushes, {500}, [](Programme& p, const Trial& t) {
    p.plan(t, {.flavor = Flavor::kInline});
    p.plan(t, {.tile = 4096});
    p.plan(t, {.tile = 32, .lanes = 1 + static_cast<int>(p.planned().size() / 3 % 4)});
  });
}

// ---- many calls, one after the other

// Draws ways for a few trials of every algorithm.
Programme mixture(int ranks, bool mapped, unsigned seed) {
  std::mt19937 random(seed);
  Programme programme(ranks);
  const auto lanes = [&random] { return 1 + static_cast<int>(random() % 5); };
  for (const Algorithm& algorithm : catalog()) {
    if (!allows(algorithm, ranks) || (!mapped && algorithm.pull)) continue;
    for (const std::size_t most : {8u, 64u, 700u}) {
      const bool in_place = algorithm.in_place && random() % 2 == 0;
      const Trial& trial = programme.add(algorithm, random() % most, in_place);
      programme.plan(trial, {.tile = 8u << random() % 6, .lanes = lanes()});
      if (!algorithm.pull) programme.plan(trial, {.flavor = Flavor::kInline, .lanes = lanes()});
      if (!mapped) continue;
      programme.plan(trial, {.tile = 4096, .flat = true});
      programme.plan(trial, {.flavor = Flavor::kMapped, .tile = 64, .lanes = lanes()});
      const int outside = static_cast<int>(random() % static_cast<unsigned>(ranks));
      programme.plan(trial, {.flavor = Flavor::kMapped, .lanes = lanes(), .outside = outside});
    }
  }
  return programme;
}

void perform_at_random(const Programme& programme, const Ground& ground, std::size_t calls) {
  std::mt19937 random(7);
  std::vector<std::size_t> order(calls);
  for (std::size_t& i : order) i = random() % programme.planned().size();
  perform(programme, ground, calls, [&order](std::size_t i) { return order[i]; });
}

constexpr std::size_t kCalls = test::or_few(3000, 600);

TEST(Executor, ThousandsOfDifferentCallsFollowEachOther) {
  for (const int ranks : {2, 3, 5}) {
    perform_at_random(mixture(ranks, /*mapped=*/true, 1), {.transport = {.mapped = true}}, kCalls);
  }
}

TEST(Executor, ThousandsOfDifferentCallsFollowEachOtherOverATransportThatIsLate) {
  const Ground ground{.transport = {.mapped = false, .max_delay = 5us}};
  perform_at_random(mixture(2, /*mapped=*/false, 2), ground, kCalls);
  perform_at_random(mixture(4, /*mapped=*/false, 3), ground, kCalls / 3);
}

// ---- messages

// Everybody sends to everybody, itself too, all at once; each message is longer than its inbox.
class Exchange {
 public:
  Exchange(CpuExecutor& executor, std::size_t count) : executor_(executor), count_(count) {
    const int ranks = executor.site().ranks;
    for (int peer = 0; peer < ranks; ++peer) {
      sent_.push_back(pattern(rank(), peer));
      received_.emplace_back(count, std::byte{0xEE});
    }
  }

  Status run() {
    std::vector<std::unique_ptr<Job>> jobs;
    std::vector<std::unique_ptr<Task>> tasks;
    for (int peer = 0; peer < executor_.site().ranks; ++peer) {
      for (const bool sends : {true, false}) {
        jobs.push_back(make_job(peer, sends));
        Arena& arena = sends ? executor_.outbox(peer) : executor_.inbox(peer);
        tasks.push_back(std::make_unique<Task>(executor_.site(), arena, *jobs.back()));
      }
    }
    return executor_.run(tasks);
  }

  void check() const {
    for (int peer = 0; peer < executor_.site().ranks; ++peer) {
      EXPECT_EQ(received_[peer], pattern(peer, rank())) << peer << " to " << rank();
    }
  }

 private:
  int rank() const { return executor_.site().rank; }

  std::vector<std::byte> pattern(int from, int to) const {
    std::mt19937 random(from * 100 + to);
    std::vector<std::byte> bytes(count_);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    return bytes;
  }

  std::unique_ptr<Job> make_job(int peer, bool sends) {
    const Site& site = executor_.site();
    auto job = std::make_unique<Job>();
    job->set_signature(
        {pack({Collective::kSendRecv, DataType::kUint8, Reduction::kSum, false, 0}), count_, 0});
    job->reducer = Reducer::copier(job->type, detect_isa());
    job->pair = {sends ? rank() : peer, sends ? peer : rank()};
    job->input = sends ? sent_[peer].data() : nullptr;
    job->output = sends ? nullptr : received_[peer].data();
    const Schedule direct = find_algorithm(Collective::kSendRecv, "direct")->make(2, 0);
    const bool mapped = site.windows[peer] != nullptr;
    Variant& variant = job->staged;
    variant.plan = std::make_shared<Plan>(
        lower(stage(direct), sends ? 0 : 1, /*inline_payload=*/false, [&](int) { return mapped; }));
    variant.tile = 32768;
    variant.blocks = (count_ + variant.tile - 1) / variant.tile;
    variant.lanes = 4;
    variant.input_extents = variant.output_extents = Extents::uniform(count_, count_, 1);
    return job;
  }

  CpuExecutor& executor_;
  const std::size_t count_;
  std::vector<std::vector<std::byte>> sent_;
  std::vector<std::vector<std::byte>> received_;
};

void exchange_messages(int ranks, const InprocOptions& options) {
  const WindowLayout layout = test::small_layout(ranks, 8192, 48);
  auto transports = make_inproc_transports(ranks, layout.total, options);
  std::vector<std::unique_ptr<CpuExecutor>> executors;
  for (int rank = 0; rank < ranks; ++rank) {
    executors.push_back(std::make_unique<CpuExecutor>(
        std::move(transports[rank]), layout, ExecutorSettings{.call_timeout = 20s, .spins = 2}));
  }
  test::run_ranks_as_threads(ranks, [&](int rank) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{1500000}, std::size_t{100000}}) {
      Exchange exchange(*executors[rank], count);
      const Status status = exchange.run();
      EXPECT_TRUE(status.ok()) << status.to_string();
      exchange.check();
    }
    return 0;
  });
}

TEST(Executor, MessagesBetweenAllPairsArriveAtOnce) {
  exchange_messages(3, {.mapped = true});
  exchange_messages(3, {.mapped = false, .max_delay = 50us});
}

}  // namespace
}  // namespace tutti
