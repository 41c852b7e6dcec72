// The engine against the reference execution, bit by bit: every algorithm, by copies, short kernels
// and waits of streams.
// ROOMS: executor algorithms
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "device_ranks.h"
#include "executor/cuda/engine.h"

namespace tutti::cuda {
namespace {

using namespace std::chrono_literals;
using test::DeviceGround;
using test::DeviceRank;
using test::DeviceTrials;
using test::every_device_trial;
using test::Trial;

class Actor {
 public:
  explicit Actor(DeviceRank& rank)
      : rank_(rank),
        engine_(std::move(*Engine::create(rank.device(), rank.boards()))),
        trouble_(std::move(*PinnedMemory<Trouble>::make(rank.device()))) {}

  Engine& engine() { return *engine_; }

  /// "", or what went wrong.
  std::string perform(const Trial& trial) {
    rank_.load(trial);
    Status status = issue(trial);
    if (status.ok()) status = rank_.synchronize();
    return status.ok() ? rank_.difference(trial) : status.to_string();
  }

  /// All of the trial in one piece.
  Status issue(const Trial& trial) {
    const test::TrialShape& shape = trial.shape();
    const std::size_t element = size_of(shape.type);
    const Schedule schedule = shape.algorithm->make(shape.group, shape.root);
    plans_.push_back(lower(schedule, rank_.rank(), false, [](int) { return true; }));
    const Collective collective = shape.algorithm->collective;
    const Demand demand{.most = parts_of(collective, shape.group.ranks, true),
                        .chunks = schedule.chunks,
                        .scratch_chunks = schedule.scratch_chunks,
                        .element = element};
    const bool fits = shape.count <= longest_piece(demand, rank_.boards().scratch_bytes());
    EXPECT_TRUE(fits || collective == Collective::kBarrier);
    EngineCall call{.plan = &plans_.back(),
                    .staging = staging_of(demand, shape.count),
                    .piece = {0, shape.count},
                    .output = {},
                    .type = shape.type,
                    .arithmetic = {}};
    if (reduces(collective)) {
      call.arithmetic = arithmetic_of(shape.type, shape.op, shape.group.ranks);
    }
    const Parts parts = parts_of(collective, shape.group.ranks, rank_.rank() == shape.root);
    std::byte* scratch = rank_.boards().scratch();
    const Buffer input{rank_.input_of(trial), parts.input, shape.count};
    call.output = {rank_.output_of(trial), parts.output, shape.count};
    Status status = copy_in(rank_.device(), rank_.stream(), input, call.piece,
                            scratch + call.staging.input, element);
    if (!status.ok()) return status;
    Team caller = rank_.boards().team();
    caller.trouble = trouble_.on_device();
    caller.call = ++number_;
    return engine_->run(call, caller, rank_.stream());
  }

 private:
  DeviceRank& rank_;
  std::unique_ptr<Engine> engine_;
  PinnedMemory<Trouble> trouble_;
  std::deque<Plan> plans_;
  std::uint32_t number_ = 0;
};

void perform(const DeviceTrials& trials, const DeviceGround& ground) {
  test::run_device_ranks(ground, image_bytes(trials), [&](DeviceRank& rank) {
    Actor actor(rank);
    for (const auto& trial : trials) {
      const std::string wrong = actor.perform(*trial);
      ASSERT_EQ(wrong, "") << trial->to_string();
    }
  });
}

TEST(CudaEngine, GivesTheBitsOfTheReference) {
  for (const int ranks : {1, 2, 3, 4, 5, 8}) {
    const auto n = static_cast<std::size_t>(ranks);
    const DeviceGround ground{.ranks = ranks, .scratch_bytes = std::size_t{1} << 20};
    perform(every_device_trial(ranks, {0, 1, n - 1, n + 1, 1009}, /*in_place_too=*/false), ground);
    if (HasFailure()) return;
  }
}

TEST(CudaEngine, RanksComeLate) {
  std::mt19937 random(5);
  DeviceTrials trials = every_device_trial(3, {61, 700}, /*in_place_too=*/false);
  std::shuffle(trials.begin(), trials.end(), random);
  trials.resize(30);
  perform(trials, {.ranks = 3,
                   .scratch_bytes = std::size_t{1} << 20,
                   .most_delay = std::chrono::microseconds(100)});
}

TEST(CudaEngine, SaysWhomItsStreamWaitsForAndLetsItGo) {
  const auto shape = test::device_trial(*find_algorithm(Collective::kBarrier, "all_pairs"),
                                        /*ranks=*/3, 0, false, 1);
  const Trial trial(shape);
  test::run_device_ranks({.ranks = 3}, 1, [&](DeviceRank& rank) {
    Actor actor(rank);
    if (rank.rank() == 2) return;  // never comes
    ASSERT_TRUE(actor.issue(trial).ok());
    const auto waits_for_two = [&] {
      const auto wait = actor.engine().waiting();
      return wait.has_value() && wait->peer == 2 && wait->call == 1;
    };
    const auto limit = std::chrono::steady_clock::now() + test::kDevicePatience;
    while (!waits_for_two() && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(waits_for_two());
    actor.engine().release();
    EXPECT_TRUE(rank.synchronize().ok());
    EXPECT_FALSE(actor.engine().waiting().has_value());
  });
}

}  // namespace
}  // namespace tutti::cuda
