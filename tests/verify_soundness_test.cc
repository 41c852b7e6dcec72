// Tests src/schedule/verify.cc against runs in random order: what it accepts gives the right result
// in every order tried, and most of what it rejects goes wrong in some.
//
// The schedules are right ones with one random change. A run is as hostile as schedule.h allows: a
// put reads its source late, writes its target later and signals last; a rank's memory is
// overwritten as soon as its program ends.
// ROOMS: schedule
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "schedule/layout.h"
#include "schedule/shape.h"
#include "schedule/verify.h"
#include "small_schedules.h"

namespace tutti {
namespace {

using Random = std::mt19937;
using Value = std::uint64_t;
using Outputs = std::vector<std::vector<Value>>;

int below(Random& random, std::size_t end) {
  return static_cast<int>(random() % static_cast<unsigned>(end));
}

// A value per input chunk that no sum of others is likely to equal.
Value input_value(int rank, int index) {
  return (static_cast<Value>(rank) * 1000003 + static_cast<Value>(index) + 1) * 0x9E3779B97F4A7C15u;
}

class RandomRun {
 public:
  RandomRun(const Schedule& schedule, Placement placement, unsigned seed)
      : schedule_(schedule),
        layout_(schedule, placement),
        random_(seed),
        memory_(layout_.count(), 0xDEAD),
        next_(schedule.ranks),
        begun_(schedule.ranks),
        ended_(schedule.ranks),
        outputs_(schedule.ranks) {
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      for (int i = 0; i < chunks_of(schedule, Space::kInput, rank); ++i) {
        at(rank, input(i)) = input_value(rank, i);
      }
    }
  }

  // True when all ranks ended, every signal was taken and nobody touched memory of the ended.
  bool run() {
    int idle = 0;
    const int patience = 50 * (schedule_.ranks + 1);
    while (idle < patience) {
      const bool moved = below(random_, 2) == 0 ? step_of_a_rank() : step_of_a_put();
      idle = moved ? 0 : idle + 1;
    }
    const bool all = std::all_of(ended_.begin(), ended_.end(), [](bool ended) { return ended; });
    for (const auto& [key, lane] : lanes_) right_ = right_ && lane.empty();
    return right_ && all;
  }

  const Outputs& outputs() const { return outputs_; }

 private:
  enum class Phase { kIssued, kRead, kWritten, kSignalled };

  struct Message {
    Phase phase = Phase::kSignalled;
    int sender = 0;
    const Step* step = nullptr;
    Value value = 0;
  };
  using Lane = std::vector<Message>;
  using Key = std::tuple<int, int, int>;  // sender, receiver, channel

  Value& at(int rank, Chunk chunk) {
    const int owner = chunk.rank == kSelf ? rank : chunk.rank;
    if (ended_[owner]) right_ = false;
    return memory_[layout_.location(rank, chunk)];
  }

  bool step_of_a_rank() {
    const int rank = below(random_, schedule_.ranks);
    if (ended_[rank]) return false;
    begun_[rank] = true;
    const std::vector<Step>& steps = schedule_.at(rank).steps;
    if (next_[rank] == static_cast<int>(steps.size())) {
      end(rank);
      return true;
    }
    const Step& step = steps[next_[rank]];
    if (step.kind == StepKind::kWait && !take(rank, step)) return false;
    if (step.kind != StepKind::kWait) issue(rank, step);
    ++next_[rank];
    return true;
  }

  bool take(int rank, const Step& step) {
    Lane& lane = lanes_[{step.peer, rank, step.channel}];
    if (lane.empty() || lane[0].phase != Phase::kSignalled) return false;
    lane.erase(lane.begin());
    return true;
  }

  void issue(int rank, const Step& step) {
    switch (step.kind) {
      case StepKind::kCopy:
      case StepKind::kReduce: {
        Value sum = 0;
        for (const Chunk& source : step.sources) sum += at(rank, source);
        at(rank, step.target) = sum;
        return;
      }
      case StepKind::kPut:
      case StepKind::kSignal: {
        const Phase phase = step.kind == StepKind::kPut ? Phase::kIssued : Phase::kWritten;
        lanes_[{rank, step.peer, step.channel}].push_back({phase, rank, &step});
        return;
      }
      case StepKind::kWait:
        return;
    }
  }

  // Reads and writes in any order between puts; signals in order within the lane.
  bool step_of_a_put() {
    if (lanes_.empty()) return false;
    auto lane = std::next(lanes_.begin(), below(random_, lanes_.size()));
    if (lane->second.empty()) return false;
    const int i = below(random_, lane->second.size());
    Message& message = lane->second[i];
    const bool first = i == 0 || lane->second[i - 1].phase == Phase::kSignalled;
    switch (message.phase) {
      case Phase::kIssued:
        message.value = at(message.sender, message.step->sources[0]);
        break;
      case Phase::kRead:
        at(message.sender, message.step->target) = message.value;
        break;
      case Phase::kWritten:
        if (!first) return false;
        break;
      case Phase::kSignalled:
        return false;
    }
    message.phase = static_cast<Phase>(static_cast<int>(message.phase) + 1);
    return true;
  }

  // Flushes the rank's puts, takes its result, and lets its caller reuse the memory.
  void end(int rank) {
    for (auto& [key, lane] : lanes_) {
      for (Message& message : lane) {
        if (message.sender != rank || message.phase != Phase::kIssued) continue;
        message.value = at(rank, message.step->sources[0]);
        message.phase = Phase::kRead;
      }
    }
    for (int i = 0; i < chunks_of(schedule_, Space::kOutput, rank); ++i) {
      outputs_[rank].push_back(at(rank, output(i)));
    }
    std::fill(memory_.begin() + layout_.first(rank), memory_.begin() + layout_.end(rank), 0xBAD);
    ended_[rank] = true;
    if (schedule_.collective != Collective::kBarrier) return;
    for (const bool begun : begun_) right_ = right_ && begun;
  }

  const Schedule& schedule_;
  const Layout layout_;
  Random random_;
  std::vector<Value> memory_;
  std::vector<int> next_;
  std::vector<bool> begun_;
  std::vector<bool> ended_;
  std::map<Key, Lane> lanes_;
  Outputs outputs_;
  bool right_ = true;
};

// ---- one random change ----

Chunk random_chunk(const Schedule& schedule, int owner, Random& random) {
  const Space space = static_cast<Space>(below(random, 3));
  const int chunks = chunks_of(schedule, space, owner);
  return {space, chunks == 0 ? 0 : below(random, chunks)};
}

void change_operand(const Schedule& schedule, int rank, Step& step, Random& random) {
  if (step.sources.empty()) {
    step.channel ^= 1;
  } else if (below(random, 2) == 0) {
    step.sources[below(random, step.sources.size())] = random_chunk(schedule, rank, random);
  } else {
    const int owner = step.kind == StepKind::kPut ? step.peer : rank;
    const int named = step.target.rank;
    step.target = random_chunk(schedule, owner, random);
    step.target.rank = named;
  }
}

Schedule changed(Schedule schedule, Random& random) {
  const int rank = below(random, schedule.ranks);
  std::vector<Step>& steps = schedule.at(rank).steps;
  const int i = below(random, steps.size());
  switch (below(random, 5)) {
    case 0:
      steps.erase(steps.begin() + i);
      break;
    case 1:
      steps.insert(steps.begin() + i, steps[below(random, steps.size())]);
      break;
    case 2:
      change_operand(schedule, rank, steps[i], random);
      break;
    case 3:
    case 4:  // the likeliest to leave the schedule right
      std::swap(steps[i], steps[below(random, steps.size())]);
      break;
  }
  return schedule;
}

struct Case {
  Schedule schedule;
  Placement placement = Placement::kSeparate;
};

std::vector<Case> right_cases() {
  return {{ring_all_reduce_by_hand(3)},
          {ring_all_reduce_by_hand(2), Placement::kInPlace},
          {pull_all_reduce_by_hand(3)},
          {credits_by_hand(3)},
          {dissemination_barrier_by_hand(4)},
          {flat_broadcast_by_hand(3, 1)},
          {flat_broadcast_by_hand(3, 0), Placement::kInPlace}};
}

// The number of random runs, of those asked for, that went wrong.
int wrong_runs(const Schedule& schedule, Placement placement, int runs, const Outputs& expected) {
  int wrong = 0;
  for (int seed = 0; seed < runs; ++seed) {
    RandomRun run(schedule, placement, seed);
    if (!run.run() || run.outputs() != expected) ++wrong;
  }
  return wrong;
}

Outputs result_of(const Case& right) {
  RandomRun run(right.schedule, right.placement, /*seed=*/1);
  EXPECT_TRUE(run.run()) << dump(right.schedule);
  return run.outputs();
}

TEST(VerifySoundness, WhatIsAcceptedGoesRightInEveryOrder) {
  Random random(1);
  int accepted = 0;
  for (const Case& right : right_cases()) {
    const Outputs expected = result_of(right);
    for (int i = 0; i < 1500; ++i) {
      const Schedule schedule = changed(right.schedule, random);
      if (!verify(schedule, right.placement).empty()) continue;
      ++accepted;
      ASSERT_EQ(wrong_runs(schedule, right.placement, 20, expected), 0) << dump(schedule);
    }
  }
  EXPECT_GT(accepted, 500);
}

TEST(VerifySoundness, WhatIsRejectedMostlyGoesWrongInSomeOrder) {
  Random random(2);
  int rejected = 0, witnessed = 0;
  for (const Case& right : right_cases()) {
    const Outputs expected = result_of(right);
    for (int i = 0; i < 300; ++i) {
      const Schedule schedule = changed(right.schedule, random);
      if (!check_shape(schedule).empty() || verify(schedule, right.placement).empty()) continue;
      ++rejected;
      witnessed += wrong_runs(schedule, right.placement, 60, expected) > 0;
    }
  }
  EXPECT_GT(rejected, 500);
  EXPECT_GT(witnessed, rejected * 9 / 10);
}

}  // namespace
}  // namespace tutti
