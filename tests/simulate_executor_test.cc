// Tests src/simulator against the executor: ranks give the same signals in the same blocks, in the
// same order where there is one, and put as often.
//
// ROOMS: executor algorithms inproc simulator
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "processes.h"
#include "programme.h"
#include "simulator/simulate.h"
#include "transports/inproc/inproc.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::Flavor;
using test::Programme;
using test::RankRunner;
using test::Way;

constexpr std::size_t kScratch = 8192, kLines = 96;

// What a rank did: signals as block (from 0), peer and line; and puts by peer.
struct Record {
  std::vector<std::array<int, 3>> signals;
  std::map<int, int> puts;

  bool operator==(const Record&) const = default;
};

// A transport that writes down what passes through it.
class Recorder final : public Transport {
 public:
  Recorder(std::unique_ptr<Transport> inner, const WindowLayout& layout)
      : inner_(std::move(inner)), layout_(layout) {}

  int rank() const override { return inner_->rank(); }
  int ranks() const override { return inner_->ranks(); }
  std::span<std::byte> window() override { return inner_->window(); }
  std::byte* map(int peer) override { return inner_->map(peer); }
  Status put(int peer, std::span<const std::byte> source, std::size_t offset) override {
    ++record.puts[peer];
    return inner_->put(peer, source, offset);
  }
  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    const std::size_t line = (offset - layout_.lines) / kLineBytes;
    const bool is_of_plan = offset >= layout_.lines && line < layout_.line_bytes / kLineBytes;
    if (is_of_plan) lines_.push_back({signal.flag, peer, line});
    return inner_->signal(peer, offset, signal);
  }
  using Transport::progress;
  bool progress(Taker* taker) override { return inner_->progress(taker); }
  void send_waiting() override { inner_->send_waiting(); }
  std::uint64_t puts(int peer) override { return inner_->puts(peer); }
  bool flushed(int peer, std::uint64_t puts) override { return inner_->flushed(peer, puts); }
  void cancel(int peer) override { inner_->cancel(peer); }
  Status check(int peer) override { return inner_->check(peer); }
  bool departed(int peer) override { return inner_->departed(peer); }
  std::string path(int peer) const override { return inner_->path(peer); }

  // Lines of a block follow each other in the ring.
  void write_signals(int plan_lines) {
    RingMemory ring(layout_.line_bytes, kLineBytes);
    std::vector<std::size_t> first;
    std::uint64_t blocks = 0;
    for (const Given& given : lines_) blocks = std::max(blocks, given.flag);
    for (std::uint64_t block = 1; block <= blocks; ++block) {
      first.push_back(ring.take(block, plan_lines * kLineBytes).offset / kLineBytes);
    }
    for (const Given& given : lines_) {
      const auto line = static_cast<int>(given.line - first[given.flag - 1]);
      record.signals.push_back({static_cast<int>(given.flag - 1), given.peer, line});
    }
  }

  Record record;

 private:
  struct Given {
    std::uint64_t flag;
    int peer;
    std::size_t line;
  };

  const std::unique_ptr<Transport> inner_;
  const WindowLayout layout_;
  std::vector<Given> lines_;
};

// Writes down what ranks do in a simulation.
class Watch final : public Spectator {
 public:
  explicit Watch(const Cast& cast) : records(cast.scripts.size()), cast_(cast) {}

  void acted(int rank, std::size_t block, int deed, double, double) override {
    if (deed < 0) return;
    const Script& script = cast_.scripts[rank];
    const Deed& done = script.deeds[deed];
    if (done.kind == Deed::Kind::kGive) {
      records[rank].signals.push_back({static_cast<int>(block), done.peer, done.line});
    }
    for (int i = 0; i < done.touches; ++i) {
      ++records[rank].puts[script.touches[done.first_touch + i].peer];
    }
  }
  void carried(int, int, double, double, double) override {}

  std::vector<Record> records;

 private:
  const Cast& cast_;
};

struct Outcome {
  std::vector<Record> real;
  std::vector<Record> simulated;
  std::size_t blocks = 0;
};

// Ranks that cannot map each other's memory, each on a host of its own.
Outcome run(const Algorithm& algorithm, const Group& group, std::size_t count, const Way& way) {
  Programme programme(group.ranks);
  const test::Trial& trial = programme.add(algorithm, count, /*in_place=*/false);
  const WindowLayout layout = test::small_layout(group.ranks, kScratch, kLines);
  auto transports = make_inproc_transports(group.ranks, layout.total, {.max_delay = 20us});
  std::vector<std::unique_ptr<RankRunner>> runners;
  std::vector<Recorder*> recorders;
  std::vector<Plan> plans;
  Variant variant;
  for (int rank = 0; rank < group.ranks; ++rank) {
    auto recorder = std::make_unique<Recorder>(std::move(transports[rank]), layout);
    recorders.push_back(recorder.get());
    runners.push_back(std::make_unique<RankRunner>(
        std::move(recorder), layout, ExecutorSettings{.call_timeout = 20s, .spins = 2}));
    variant = runners.back()->prepare(trial, way).staged;
    plans.push_back(*variant.plan);
  }
  EXPECT_EQ(variant.width, 1);
  test::run_ranks_as_threads(group.ranks, [&](int rank) {
    const std::string wrong = runners[rank]->run(trial, way);
    EXPECT_EQ(wrong, "");
    return wrong.empty() ? 0 : 1;
  });

  const Cast cast = cast_of(plans);
  Machine machine;
  machine.ranks = group.ranks;
  machine.host_of = regular_hosts(group.ranks, 1);
  machine.host_port = 1e9;
  machine.far.latency = 1e-6;
  machine.rank.instruction = 50e-9;
  Watch watch(cast);
  const std::size_t element = trial.element();
  const SimulatedCall call{.piece_bytes = trial.extents().piece() * element,
                           .tile_bytes = variant.tile * element,
                           .blocks = variant.blocks,
                           .lanes = variant.lanes,
                           .room = {kScratch, kLines}};
  EXPECT_TRUE(simulate(cast, machine, call, {.spectator = &watch}).is_complete);
  Outcome outcome{{}, watch.records, variant.blocks};
  for (Recorder* recorder : recorders) {
    recorder->write_signals(cast.lines);
    outcome.real.push_back(recorder->record);
  }
  return outcome;
}

// Algorithms that put, on ranks that each have something to do in every block.
void for_each_algorithm(const std::function<void(const Algorithm&)>& visit) {
  for (const Algorithm& algorithm : catalog()) {
    if (algorithm.pull || !allows(algorithm, 4) || algorithm.collective == Collective::kSendRecv) {
      continue;
    }
    visit(algorithm);
  }
}

TEST(SimulateExecutor, BlocksOneByOneGiveTheSameSignalsInTheSameOrder) {
  std::size_t signals = 0;
  for_each_algorithm([&](const Algorithm& algorithm) {
    const Outcome outcome = run(algorithm, 4, 400, {.tile = 16, .lanes = 1});
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_TRUE(outcome.real[rank] == outcome.simulated[rank])
          << name(algorithm.collective) << " " << algorithm.name << ", rank " << rank << ": "
          << outcome.real[rank].signals.size() << " signals, simulated "
          << outcome.simulated[rank].signals.size();
      signals += outcome.real[rank].signals.size();
    }
  });
  EXPECT_GT(signals, 1000u);
}

TEST(SimulateExecutor, BlocksInFlightGiveTheSameSignalsInSomeOrder) {
  std::size_t blocks = 0;
  for_each_algorithm([&](const Algorithm& algorithm) {
    Outcome outcome = run(algorithm, 4, 400, {.tile = 8, .lanes = 3});
    blocks = std::max(blocks, outcome.blocks);
    for (int rank = 0; rank < 4; ++rank) {
      for (Record* record : {&outcome.real[rank], &outcome.simulated[rank]}) {
        std::sort(record->signals.begin(), record->signals.end());
      }
      EXPECT_TRUE(outcome.real[rank] == outcome.simulated[rank])
          << name(algorithm.collective) << " " << algorithm.name << ", rank " << rank;
    }
  });
  EXPECT_GT(blocks, 20u) << "none waited for credits";
}

}  // namespace
}  // namespace tutti
