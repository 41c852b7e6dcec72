#include "planner/shared_cores.h"

#include <algorithm>
#include <limits>

namespace tutti::planner {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// The ranks of a pipeline at work. Others like it do the same on the same cores.
class Crew {
 public:
  /// `times` are those of a rank alone on its core; core_of has a core a rank.
  Crew(const PipelineSchedule& schedule, const StageTimes& times, const std::vector<int>& core_of)
      : schedule_(schedule),
        times_(times),
        core_of_(core_of),
        next_(schedule.ranks, 0),
        left_(schedule.ranks, 0),
        ended_(3 * schedule.stages() * schedule.micro_batches, kNever),
        busy_(schedule.ranks) {
    for (int rank = 0; rank < schedule.ranks; ++rank) begin_task(rank);
  }

  double seconds() {
    while (step()) {
    }
    return now_;
  }

 private:
  bool has_ended(int rank) const { return next_[rank] == schedule_.tasks[rank].size(); }
  const PipelineTask& task(int rank) const { return schedule_.tasks[rank][next_[rank]]; }
  int stage(int rank) const { return schedule_.stage(rank, task(rank).chunk); }

  double& ended(PipelineWork work, int stage, int micro_batch) {
    const int row = static_cast<int>(work) * schedule_.stages() + stage;
    return ended_[row * schedule_.micro_batches + micro_batch];
  }

  double duration(PipelineWork work, int stage) const {
    switch (work) {
      case PipelineWork::kForward:
        return times_.forward[stage];
      case PipelineWork::kBackward:
        return times_.backward[stage] + (schedule_.splits_backward ? 0 : times_.weights[stage]);
      case PipelineWork::kWeights:
        return times_.weights[stage];
    }
    return 0;
  }

  void begin_task(int rank) {
    if (!has_ended(rank)) left_[rank] = duration(task(rank).work, stage(rank));
  }

  // When the task's message is there, as far as that is known. A rank does its own in order.
  double ready_at(int rank) {
    const PipelineTask& next = task(rank);
    const int from = stage(rank) + (next.work == PipelineWork::kForward ? -1 : 1);
    if (next.work == PipelineWork::kWeights || from < 0 || from == schedule_.stages()) return 0;
    return ended(next.work, from, next.micro_batch) + times_.hand_on;
  }

  // To the next time at which anything begins or ends; false where nothing does.
  bool step() {
    std::fill(busy_.begin(), busy_.end(), 0);
    std::vector<int> running;
    double until = kNever;
    for (int rank = 0; rank < schedule_.ranks; ++rank) {
      if (has_ended(rank)) continue;
      const double ready = ready_at(rank);
      if (ready > now_) until = std::min(until, ready);
      if (ready > now_) continue;
      running.push_back(rank);
      ++busy_[core_of_[rank]];
    }
    for (const int rank : running) until = std::min(until, end_of(rank));
    if (until == kNever) return false;
    advance(running, until);
    return true;
  }

  double end_of(int rank) const { return now_ + left_[rank] * busy_[core_of_[rank]]; }

  void advance(const std::vector<int>& running, double until) {
    for (const int rank : running) {
      if (end_of(rank) > until) {
        left_[rank] -= (until - now_) / busy_[core_of_[rank]];
        continue;
      }
      ended(task(rank).work, stage(rank), task(rank).micro_batch) = until;
      ++next_[rank];
      begin_task(rank);
    }
    now_ = until;
  }

  const PipelineSchedule& schedule_;
  const StageTimes& times_;
  const std::vector<int>& core_of_;
  std::vector<std::size_t> next_;  // of each rank's tasks
  std::vector<double> left_;       // of that task
  std::vector<double> ended_;
  std::vector<int> busy_;  // ranks that compute, by core
  double now_ = 0;
};

StageTimes faster(StageTimes times, double factor) {
  for (std::vector<double>* const all : {&times.forward, &times.backward, &times.weights}) {
    for (double& seconds : *all) seconds /= factor;
  }
  return times;
}

// Of a micro-batch, on the core that has most to do.
double busiest(const PipelineSchedule& schedule, const StageTimes& alone,
               const std::vector<int>& core_of) {
  std::vector<double> busy(schedule.ranks, 0);
  for (int stage = 0; stage < schedule.stages(); ++stage) {
    busy[core_of[stage % schedule.ranks]] +=
        alone.forward[stage] + alone.backward[stage] + alone.weights[stage];
  }
  return *std::max_element(busy.begin(), busy.end());
}

}  // namespace

double crowd_of(const MachineShape& machine) {
  if (machine.cores == 0) return 1;
  return std::max(1.0, static_cast<double>(machine.devices) / machine.cores);
}

double shared_pipeline_seconds(const MachineShape& machine, const Layout& layout, int micro_batches,
                               const StageTimes& times) {
  const int cores = std::min(machine.cores, layout.pp);
  std::vector<int> core_of;
  for (int rank = 0; rank < layout.pp; ++rank) core_of.push_back(rank * cores / layout.pp);
  const StageTimes alone = faster(times, static_cast<double>(layout.pp) / cores);
  const int some = std::min(micro_batches, 3 * layout.pp);
  const auto schedule = make_pipeline(layout.pipeline, layout.pp, layout.chunks, some);
  return Crew(*schedule, alone, core_of).seconds() +
         (micro_batches - some) * busiest(*schedule, alone, core_of);
}

}  // namespace tutti::planner
