// The interpreter of plans against the reference execution, bit by bit: every algorithm, on so few
// blocks and so little scratch that it goes in rounds.
// ROOMS: executor algorithms
// TIER: fast

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "device_ranks.h"
#include "executor/cuda/interpreter.h"
#include "executor/cuda/plan_kernels.h"
#include "executor/cuda/trouble_watch.h"
#include "sanitizers.h"

namespace tutti::cuda {
namespace {

using test::DeviceGround;
using test::DeviceRank;
using test::DeviceTrials;
using test::every_device_trial;
using test::Trial;

/// One rank: puts plans into its device's memory, and interprets them.
class Actor {
 public:
  explicit Actor(DeviceRank& rank)
      : rank_(rank),
        watch_(std::move(*TroubleWatch::make(rank.device(), rank.rank(), test::kDevicePatience))) {}
  ~Actor() {
    for (std::byte* memory : memories_) rank_.device().release(memory);
  }

  /// "", or what went wrong.
  std::string perform(const Trial& trial, int blocks) {
    rank_.load(trial);
    InterpretedCall call = describe(trial);
    const Result<Slicing> slicing =
        slice(plan_, trial.shape().count, size_of(trial.shape().type),
              {.blocks = blocks, .scratch_bytes = rank_.boards().scratch_bytes()});
    if (!slicing.ok()) return slicing.status().to_string();
    call.slicing = *slicing;
    Status status = launch_interpreter(rank_.device(), call, trial.shape().type,
                                       {.blocks = blocks, .threads = 32}, rank_.stream());
    if (status.ok()) status = rank_.synchronize();
    if (status.ok()) status = watch_->look();
    return status.ok() ? rank_.difference(trial) : status.to_string();
  }

 private:
  InterpretedCall describe(const Trial& trial) {
    const test::TrialShape& shape = trial.shape();
    plan_ = lower(shape.algorithm->make(shape.group, shape.root), rank_.rank(), false,
                  [](int) { return true; });
    InterpretedCall call;
    call.team = rank_.boards().team();
    call.team.trouble = watch_->on_device();
    call.team.patience_ns = std::chrono::nanoseconds(test::kDevicePatience).count();
    call.plan = to_device(*flatten(plan_));
    call.input = rank_.input_of(trial);
    call.output = rank_.output_of(trial);
    call.places = {*rank_.boards().place_of(call.input, trial.memory(rank_.rank()).input_bytes),
                   *rank_.boards().place_of(call.output, trial.memory(rank_.rank()).output_bytes)};
    call.scratch = scratch_offset(call.team.ranks);
    if (test::reduces(*shape.algorithm)) {
      call.arithmetic = arithmetic_of(shape.type, shape.op, shape.group.ranks);
      call.divisor = std::exchange(call.arithmetic.divisor, 1);
    }
    return call;
  }

  // A device made of threads has memory that the host may write to.
  FlatPlan to_device(const FlatProgram& program) {
    FlatPlan plan = flat_plan(plan_);
    plan.steps = put(program.steps);
    plan.operands = put(program.operands);
    return plan;
  }
  template <class T>
  const T* put(const std::vector<T>& values) {
    memories_.push_back(*rank_.device().allocate(values.size() * sizeof(T) + 1));
    if (!values.empty()) {
      std::memcpy(memories_.back(), values.data(), values.size() * sizeof(T));
    }
    return reinterpret_cast<const T*>(memories_.back());
  }

  DeviceRank& rank_;
  std::unique_ptr<TroubleWatch> watch_;
  Plan plan_;
  std::vector<std::byte*> memories_;
};

/// On one to four blocks, in turn.
void perform(const DeviceTrials& trials, const DeviceGround& ground) {
  test::run_device_ranks(ground, image_bytes(trials), [&](DeviceRank& rank) {
    Actor actor(rank);
    for (std::size_t i = 0; i < trials.size(); ++i) {
      const int blocks = 1 + static_cast<int>(i % 4);
      const std::string wrong = actor.perform(*trials[i], blocks);
      ASSERT_EQ(wrong, "") << trials[i]->to_string() << ", " << blocks << " blocks";
    }
  });
}

TEST(CudaInterpreter, GivesTheBitsOfTheReference) {
  using Counts = std::vector<int>;
  for (const int ranks : test::or_few<Counts>({1, 2, 3, 4, 5, 8}, {1, 3, 4})) {
    const auto n = static_cast<std::size_t>(ranks);
    perform(every_device_trial(ranks, {0, 1, n - 1, n + 1, 1009}, /*in_place_too=*/true),
            {.ranks = ranks});
    if (HasFailure()) return;
  }
}

TEST(CudaInterpreter, GoesInRoundsWhereScratchIsSmall) {
  const DeviceTrials trials = every_device_trial(3, {997, 4001}, /*in_place_too=*/true);
  // Room for one line of each scratch chunk of any plan, and four blocks.
  perform(trials, {.ranks = 3, .scratch_bytes = std::size_t{16} << 10});
}

TEST(CudaInterpreter, BlocksAndRanksComeLate) {
  std::mt19937 random(5);
  DeviceTrials trials = every_device_trial(4, {61, 700}, /*in_place_too=*/true);
  std::shuffle(trials.begin(), trials.end(), random);
  perform(trials, {.ranks = 4, .most_delay = std::chrono::microseconds(200)});
}

TEST(CudaInterpreter, CutsEveryChunkIntoSlicesOfAllBlocksAndRounds) {
  const Algorithm& ring = *find_algorithm(Collective::kAllReduce, "ring");
  const Plan plan = lower(ring.make(3, 0), 0, false, [](int) { return true; });
  const SliceRoom room{.blocks = 4, .scratch_bytes = std::size_t{16} << 10};
  const Slicing slicing = *slice(plan, /*count=*/100'001, /*element=*/4, room);
  EXPECT_GT(slicing.rounds, 1u);
  EXPECT_GE(slicing.rounds * slicing.slice * room.blocks, slicing.chunk);
  EXPECT_LT((slicing.rounds - 1) * slicing.slice * room.blocks, slicing.chunk);
  EXPECT_LE(slicing.stride * plan.scratch_chunks * room.blocks, room.scratch_bytes);
  std::uint64_t total = 0;
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
    for (std::uint64_t i = 0; i < slicing.rounds * room.blocks; ++i) {
      total += slicing.slice_length(chunk, i * slicing.slice);
    }
  }
  EXPECT_EQ(total, 100'001u);
}

TEST(CudaInterpreter, SaysWhatIsTooSmall) {
  const Algorithm& ring = *find_algorithm(Collective::kAllReduce, "ring");
  const Plan plan = lower(ring.make(3, 0), 0, false, [](int) { return true; });
  const Status status = slice(plan, 1000, 4, {.blocks = 4, .scratch_bytes = 512}).status();
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_NE(status.message().find("scratch chunks do not fit 512 bytes"), std::string::npos)
      << status.message();
}

}  // namespace
}  // namespace tutti::cuda
