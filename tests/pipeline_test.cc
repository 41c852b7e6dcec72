// Tests src/pipeline/pipeline.cc.
//
// ROOMS: pipeline

#include "tutti/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace tutti {
namespace {

constexpr PipelineKind kKinds[] = {PipelineKind::kGpipe, PipelineKind::kOneForwardOneBackward,
                                   PipelineKind::kInterleaved, PipelineKind::kZeroBubble};

PipelineSchedule make(PipelineKind kind, int ranks, int micro_batches, int chunks = 1) {
  auto schedule = make_pipeline(kind, ranks, chunks, micro_batches);
  EXPECT_TRUE(schedule.ok()) << schedule.status().message();
  return *schedule;
}

std::vector<PipelineSchedule> all_schedules(int most_ranks) {
  std::vector<PipelineSchedule> schedules;
  for (const PipelineKind kind : kKinds) {
    for (int ranks = 1; ranks <= most_ranks; ++ranks) {
      for (int micro_batches = 1; micro_batches <= 2 * ranks + 1; ++micro_batches) {
        if (kind != PipelineKind::kInterleaved) {
          schedules.push_back(make(kind, ranks, micro_batches));
        } else if (ranks > 1 && micro_batches % ranks == 0) {
          for (const int chunks : {2, 3}) {
            schedules.push_back(make(kind, ranks, micro_batches, chunks));
          }
        }
      }
    }
  }
  return schedules;
}

StageTimes equal_times(int stages) {
  const std::vector<double> one(stages, 1.0);
  return {one, one, one, 0};
}

// Seconds that rank 0 waits; a second a task and stage.
double bubble(const PipelineSchedule& schedule) {
  const PipelineTimes times = time_of(schedule, equal_times(schedule.stages()));
  return times.total - times.busy[0];
}

TEST(Pipeline, OneForwardOneBackwardOfThreeRanks) {
  EXPECT_EQ(to_text(make(PipelineKind::kOneForwardOneBackward, 3, 4)),
            "F0 F1 F2 B0 F3 B1 B2 B3\n"
            "F0 F1 B0 F2 B1 F3 B2 B3\n"
            "F0 B0 F1 B1 F2 B2 F3 B3\n");
}

TEST(Pipeline, InterleavedOfTwoRanks) {
  EXPECT_EQ(to_text(make(PipelineKind::kInterleaved, 2, 2, 2)),
            "F0.0 F1.0 F0.1 F1.1 B0.1 B1.1 B0.0 B1.0\n"
            "F0.0 F1.0 F0.1 B0.1 F1.1 B1.1 B0.0 B1.0\n");
}

TEST(Pipeline, ZeroBubbleOfTwoRanks) {
  EXPECT_EQ(to_text(make(PipelineKind::kZeroBubble, 2, 4)),
            "F0 F1 B0 W0 F2 B1 W1 F3 B2 W2 B3 W3\n"
            "F0 B0 F1 B1 W0 F2 B2 W1 F3 B3 W2 W3\n");
}

TEST(Pipeline, EverySchedulePassesTheCheck) {
  for (const PipelineSchedule& schedule : all_schedules(6)) {
    EXPECT_EQ(check(schedule), "") << to_text(schedule);
  }
  for (int ranks = 7; ranks <= 33; ++ranks) {
    for (const PipelineKind kind : kKinds) {
      const int chunks = kind == PipelineKind::kInterleaved ? 2 : 1;
      EXPECT_EQ(check(make(kind, ranks, 2 * ranks, chunks)), "") << ranks;
    }
  }
}

TEST(Pipeline, EveryTaskIsMissed) {
  for (const PipelineSchedule& good : all_schedules(4)) {
    for (int rank = 0; rank < good.ranks; ++rank) {
      for (std::size_t i = 0; i < good.tasks[rank].size(); ++i) {
        PipelineSchedule bad = good;
        bad.tasks[rank].erase(bad.tasks[rank].begin() + static_cast<long>(i));
        EXPECT_NE(check(bad), "");
        bad = good;
        bad.tasks[rank].push_back(bad.tasks[rank][i]);
        EXPECT_NE(check(bad), "");
      }
    }
  }
}

// Whether tasks, as a graph of what must come before what, have no circle; apart from check(), and
// nothing like it.
class Graph {
 public:
  explicit Graph(const PipelineSchedule& s) : schedule_(s) {
    for (int rank = 0; rank < s.ranks; ++rank) {
      for (std::size_t i = 0; i < s.tasks[rank].size(); ++i) {
        const PipelineTask& task = s.tasks[rank][i];
        std::vector<int> needs;
        if (i > 0) needs.push_back(number(rank, s.tasks[rank][i - 1]));
        const int stage = s.stage(rank, task.chunk);
        if (task.work == PipelineWork::kForward && stage > 0) needs.push_back(at(stage - 1, task));
        if (task.work == PipelineWork::kBackward) {
          needs.push_back(number(rank, {PipelineWork::kForward, task.chunk, task.micro_batch}));
          if (stage + 1 < s.stages()) needs.push_back(at(stage + 1, task));
        }
        if (task.work == PipelineWork::kWeights) {
          needs.push_back(number(rank, {PipelineWork::kBackward, task.chunk, task.micro_batch}));
        }
        needs_[number(rank, task)] = needs;
      }
    }
  }

  bool has_circle() {
    state_.assign(needs_.size(), kNew);
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (closes(static_cast<int>(i))) return true;
    }
    return false;
  }

 private:
  enum State { kNew, kOpen, kClosed };

  int number(int rank, const PipelineTask& task) {
    return at(schedule_.stage(rank, task.chunk), task);
  }
  int at(int stage, const PipelineTask& task) {
    const int n =
        (stage * schedule_.micro_batches + task.micro_batch) * 3 + static_cast<int>(task.work);
    needs_.resize(std::max(needs_.size(), static_cast<std::size_t>(n) + 1));
    return n;
  }
  bool closes(int n) {
    if (state_[n] != kNew) return state_[n] == kOpen;
    state_[n] = kOpen;
    for (const int need : needs_[n]) {
      if (closes(need)) return true;
    }
    state_[n] = kClosed;
    return false;
  }

  const PipelineSchedule& schedule_;
  std::vector<std::vector<int>> needs_;
  std::vector<State> state_;
};

TEST(Pipeline, SwappedTasksAreRefusedExactlyWhereRanksWouldWaitForEver) {
  int refused = 0;
  int accepted = 0;
  for (const PipelineSchedule& good : all_schedules(3)) {
    for (int rank = 0; rank < good.ranks; ++rank) {
      for (std::size_t i = 0; i < good.tasks[rank].size(); ++i) {
        for (std::size_t j = i + 1; j < good.tasks[rank].size(); ++j) {
          PipelineSchedule other = good;
          std::swap(other.tasks[rank][i], other.tasks[rank][j]);
          const bool bad = Graph(other).has_circle();
          EXPECT_EQ(check(other) != "", bad) << to_text(other) << check(other);
          ++(bad ? refused : accepted);
        }
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 100);
}

TEST(Pipeline, ReasonsNameTheTask) {
  PipelineSchedule bad = make(PipelineKind::kGpipe, 2, 2);
  bad.tasks[1].pop_back();
  EXPECT_EQ(check(bad), "rank 1 lacks B1");
  bad.tasks[1] = {{PipelineWork::kBackward, 0, 0},
                  {PipelineWork::kForward, 0, 0},
                  {PipelineWork::kForward, 0, 1},
                  {PipelineWork::kBackward, 0, 1}};
  EXPECT_EQ(check(bad), "for ever: rank 0 waits to begin B0, rank 1 waits to begin B0");
  bad.tasks[1].push_back({PipelineWork::kWeights, 0, 1});
  EXPECT_EQ(check(bad), "rank 1 has W1, which there is not");
  bad.tasks.pop_back();
  EXPECT_EQ(check(bad), "tasks of 1 ranks: expected 2");
}

TEST(Pipeline, BubblesAreThoseOfThePapers) {
  for (int ranks = 2; ranks <= 8; ++ranks) {
    for (const int rounds : {1, 2, 4}) {
      const int micro_batches = rounds * ranks;
      SCOPED_TRACE(testing::Message() << ranks << " ranks, " << micro_batches);
      // (P-1)/M of the 3 M seconds of work.
      const double plain = 3.0 * (ranks - 1);
      EXPECT_DOUBLE_EQ(bubble(make(PipelineKind::kGpipe, ranks, micro_batches)), plain);
      EXPECT_DOUBLE_EQ(bubble(make(PipelineKind::kOneForwardOneBackward, ranks, micro_batches)),
                       plain);
      // (P-1)/(V M) of 3 V M.
      for (const int chunks : {2, 4}) {
        EXPECT_DOUBLE_EQ(bubble(make(PipelineKind::kInterleaved, ranks, micro_batches, chunks)),
                         plain);
      }
      EXPECT_DOUBLE_EQ(bubble(make(PipelineKind::kZeroBubble, ranks, micro_batches)), plain / 3);
    }
  }
}

TEST(Pipeline, HandingOnTakesTime) {
  StageTimes times = equal_times(3);
  times.hand_on = 0.25;
  // There and back over two borders.
  EXPECT_DOUBLE_EQ(time_of(make(PipelineKind::kGpipe, 3, 1), times).total, 3 * 3 + 4 * 0.25);
}

TEST(Pipeline, AsManyMicroBatchesAreKeptAsThePapersSay) {
  for (int ranks = 1; ranks <= 6; ++ranks) {
    const int micro_batches = 2 * ranks;
    const auto kept = [&](PipelineKind kind, int chunks) {
      const PipelineSchedule schedule = make(kind, ranks, micro_batches, chunks);
      return time_of(schedule, equal_times(schedule.stages())).most_in_flight;
    };
    for (int rank = 0; rank < ranks; ++rank) {
      EXPECT_EQ(kept(PipelineKind::kGpipe, 1)[rank], micro_batches);
      EXPECT_EQ(kept(PipelineKind::kOneForwardOneBackward, 1)[rank], ranks - rank);
      EXPECT_EQ(kept(PipelineKind::kZeroBubble, 1)[rank], ranks);
      if (ranks == 1) continue;
      EXPECT_EQ(kept(PipelineKind::kInterleaved, 2)[rank],
                std::min(2 * micro_batches, 2 * (ranks - 1 - rank) + ranks + 1));
    }
  }
}

std::string refusal(PipelineKind kind, int ranks, int chunks, int micro_batches) {
  const auto schedule = make_pipeline(kind, ranks, chunks, micro_batches);
  return schedule.ok() ? "" : schedule.status().message();
}

TEST(Pipeline, WhatCannotBeIsRefusedWithWhatWouldFit) {
  EXPECT_EQ(refusal(PipelineKind::kInterleaved, 4, 2, 6),
            "interleaved: micro-batches 6: expected a multiple of the ranks, 4, such as 8");
  EXPECT_EQ(refusal(PipelineKind::kInterleaved, 1, 2, 4),
            "interleaved: ranks 1: expected at least 2");
  EXPECT_EQ(refusal(PipelineKind::kInterleaved, 2, 1, 4),
            "interleaved: chunks a rank 1: expected at least 2");
  EXPECT_EQ(refusal(PipelineKind::kZeroBubble, 2, 2, 4),
            "zero_bubble: chunks a rank 2: expected 1; only interleaved has more");
  EXPECT_EQ(refusal(PipelineKind::kGpipe, 2, 1, 0), "gpipe: micro-batches 0: expected at least 1");
  EXPECT_EQ(refusal(PipelineKind::kGpipe, 0, 1, 1), "gpipe: ranks 0: expected at least 1");
}

TEST(Pipeline, ForwardAloneIsEveryForwardInAnOrderThatEnds) {
  for (const int chunks : {1, 2}) {
    for (int micro_batches = 1; micro_batches <= 7; ++micro_batches) {
      PipelineSchedule schedule = make_forward_only(3, chunks, micro_batches);
      // With all backward passes after all forward ones it is complete, and ends.
      for (std::vector<PipelineTask>& tasks : schedule.tasks) {
        std::vector<PipelineTask> back = tasks;
        std::reverse(back.begin(), back.end());
        for (PipelineTask& task : back) task.work = PipelineWork::kBackward;
        tasks.insert(tasks.end(), back.begin(), back.end());
      }
      EXPECT_EQ(check(schedule), "");
    }
  }
}

}  // namespace
}  // namespace tutti
