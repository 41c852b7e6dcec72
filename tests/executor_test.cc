// The CPU executor against the reference execution, bit by bit: every algorithm, in every way that
// it can run, on so little memory that blocks wait for each other.
// ROOMS: executor algorithms inproc
// TIER: fast

#include "executor/cpu/executor.h"

#include <gtest/gtest.h>

#include <functional>

#include "processes.h"
#include "programme.h"
#include "transports/inproc/inproc.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::Flavor;
using test::Programme;
using test::RankRunner;
using test::Trial;
using test::Way;

constexpr int kMostRanks = 7;

struct Ground {
  InprocOptions transport;
  std::size_t scratch_bytes = 8192;
  std::size_t lines = 40;
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

// Calls `add(programme, algorithm, count, in_place)` for all that the brief of this file names.
using AddWays = std::function<void(Programme&, const Trial&)>;
void for_all_trials(const Ground& ground, const std::function<bool(const Algorithm&)>& takes,
                    const std::vector<std::size_t>& large, const AddWays& add_ways) {
  for (int ranks = 1; ranks <= kMostRanks; ++ranks) {
    Programme programme(ranks);
    const std::size_t n = static_cast<std::size_t>(ranks);
    std::vector<std::size_t> counts = {0, 1, n - 1, n, n + 1, 61};
    counts.insert(counts.end(), large.begin(), large.end());
    for (const Algorithm& algorithm : catalog()) {
      if (!allows(algorithm, ranks) || !takes(algorithm)) continue;
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
  });
}

TEST(Executor, GivesTheBitsOfTheReferenceOverATransportThatIsLate) {
  const Ground ground{.transport = {.mapped = false, .max_delay = 20us}};
  for_all_trials(ground, pushes, {500}, [](Programme& p, const Trial& t) {
    p.plan(t, {.flavor = Flavor::kInline});
    p.plan(t, {.tile = 4096});
    p.plan(t, {.tile = 32, .lanes = 1 + static_cast<int>(p.planned().size() / 3 % 4)});
  });
}

}  // namespace
}  // namespace tutti
