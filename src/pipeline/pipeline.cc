#include "tutti/pipeline.h"

#include <algorithm>

namespace tutti {
namespace {

using enum PipelineWork;

// ---- the orders

std::vector<PipelineTask> gpipe(int micro_batches) {
  std::vector<PipelineTask> tasks;
  for (int m = 0; m < micro_batches; ++m) tasks.push_back({kForward, 0, m});
  for (int m = 0; m < micro_batches; ++m) tasks.push_back({kBackward, 0, m});
  return tasks;
}

// So many forward that the first backward can come, then one and one.
std::vector<PipelineTask> one_and_one(const std::vector<PipelineTask>& forward,
                                      const std::vector<PipelineTask>& backward, int warm_up) {
  const int count = static_cast<int>(forward.size());
  warm_up = std::min(warm_up, count);
  std::vector<PipelineTask> tasks(forward.begin(), forward.begin() + warm_up);
  for (int i = 0; i < count; ++i) {
    if (warm_up + i < count) tasks.push_back(forward[warm_up + i]);
    tasks.push_back(backward[i]);
  }
  return tasks;
}

std::vector<PipelineTask> one_forward_one_backward(const PipelineSchedule& s, int rank) {
  std::vector<PipelineTask> forward, backward;
  for (int m = 0; m < s.micro_batches; ++m) {
    forward.push_back({kForward, 0, m});
    backward.push_back({kBackward, 0, m});
  }
  return one_and_one(forward, backward, s.ranks - 1 - rank);
}

// As many micro-batches as there are ranks pass a chunk, then the next one.
std::vector<PipelineTask> interleaved(const PipelineSchedule& s, int rank) {
  std::vector<PipelineTask> forward, backward;
  for (int first = 0; first < s.micro_batches; first += s.ranks) {
    for (int chunk = 0; chunk < s.chunks; ++chunk) {
      for (int m = first; m < first + s.ranks; ++m) {
        forward.push_back({kForward, chunk, m});
        backward.push_back({kBackward, s.chunks - 1 - chunk, m});
      }
    }
  }
  return one_and_one(forward, backward, 2 * (s.ranks - 1 - rank) + (s.chunks - 1) * s.ranks);
}

// ZB-H1: 1F1B, where rank r puts off gradients of weights by r micro-batches. So every rank keeps
// as many micro-batches as there are ranks, and has work left when backward passes come late.
std::vector<PipelineTask> zero_bubble(const PipelineSchedule& s, int rank) {
  const int warm_up = std::min(s.ranks - 1 - rank, s.micro_batches);
  std::vector<PipelineTask> tasks;
  for (int m = 0; m < warm_up; ++m) tasks.push_back({kForward, 0, m});
  for (int m = 0; m < s.micro_batches; ++m) {
    if (warm_up + m < s.micro_batches) tasks.push_back({kForward, 0, warm_up + m});
    tasks.push_back({kBackward, 0, m});
    if (m >= rank) tasks.push_back({kWeights, 0, m - rank});
  }
  for (int m = std::max(0, s.micro_batches - rank); m < s.micro_batches; ++m) {
    tasks.push_back({kWeights, 0, m});
  }
  return tasks;
}

std::vector<PipelineTask> tasks_of(PipelineKind kind, const PipelineSchedule& s, int rank) {
  switch (kind) {
    case PipelineKind::kGpipe:
      return gpipe(s.micro_batches);
    case PipelineKind::kOneForwardOneBackward:
      return one_forward_one_backward(s, rank);
    case PipelineKind::kInterleaved:
      return interleaved(s, rank);
    case PipelineKind::kZeroBubble:
      return zero_bubble(s, rank);
  }
  return {};
}

std::string objection(PipelineKind kind, int ranks, int chunks, int micro_batches) {
  const std::string who(name(kind));
  const auto have = [&](const char* what, int count, const std::string& expected) {
    return who + ": " + what + " " + std::to_string(count) + ": expected " + expected;
  };
  if (ranks < 1) return have("ranks", ranks, "at least 1");
  if (micro_batches < 1) return have("micro-batches", micro_batches, "at least 1");
  if (kind != PipelineKind::kInterleaved) {
    return chunks == 1 ? "" : have("chunks a rank", chunks, "1; only interleaved has more");
  }
  if (ranks < 2) return have("ranks", ranks, "at least 2");
  if (chunks < 2) return have("chunks a rank", chunks, "at least 2");
  if (micro_batches % ranks == 0) return "";
  return have("micro-batches", micro_batches,
              "a multiple of the ranks, " + std::to_string(ranks) + ", such as " +
                  std::to_string((micro_batches / ranks + 1) * ranks));
}

// ---- what tasks need of each other

char letter(PipelineWork work) {
  switch (work) {
    case kForward:
      return 'F';
    case kBackward:
      return 'B';
    case kWeights:
      return 'W';
  }
  return '?';
}

std::string describe(const PipelineSchedule& schedule, const PipelineTask& task) {
  std::string text(1, letter(task.work));
  text += std::to_string(task.micro_batch);
  if (schedule.chunks > 1) text.append(".").append(std::to_string(task.chunk));
  return text;
}

bool is_in_range(const PipelineSchedule& s, const PipelineTask& task) {
  return task.chunk >= 0 && task.chunk < s.chunks && task.micro_batch >= 0 &&
         task.micro_batch < s.micro_batches && (task.work != kWeights || s.splits_backward);
}

// Times at which tasks end; below 0: not yet. Tasks of all stages have a number.
class Ends {
 public:
  explicit Ends(const PipelineSchedule& s)
      : schedule_(s), ends_(static_cast<std::size_t>(s.stages()) * s.micro_batches * 3, -1) {}

  double& of(PipelineWork work, int stage, int micro_batch) {
    return ends_[(static_cast<std::size_t>(stage) * schedule_.micro_batches + micro_batch) * 3 +
                 static_cast<std::size_t>(work)];
  }

  // When a task can begin, as far as others matter; below 0: something is missing yet.
  double ready(int rank, const PipelineTask& task, double hand_on) {
    const int stage = schedule_.stage(rank, task.chunk);
    const int m = task.micro_batch;
    if (task.work == kWeights) return of(kBackward, stage, m);
    if (task.work == kForward) return stage == 0 ? 0 : later(of(kForward, stage - 1, m), hand_on);
    const double mine = of(kForward, stage, m);
    if (stage == schedule_.stages() - 1 || mine < 0) return mine;
    const double next = later(of(kBackward, stage + 1, m), hand_on);
    return next < 0 ? next : std::max(mine, next);
  }

 private:
  static double later(double end, double by) { return end < 0 ? end : end + by; }

  const PipelineSchedule& schedule_;
  std::vector<double> ends_;
};

// Seconds; where a backward pass is not split, it has both parts.
double seconds_of(const PipelineSchedule& s, int stage, PipelineWork work,
                  const StageTimes& times) {
  switch (work) {
    case kForward:
      return times.forward[stage];
    case kBackward:
      return times.backward[stage] + (s.splits_backward ? 0 : times.weights[stage]);
    case kWeights:
      return times.weights[stage];
  }
  return 0;
}

// Runs a schedule on paper.
struct Rehearsal {
  std::vector<std::size_t> next;  // by rank: the task that it has not done
  std::vector<double> free;       // by rank: when it has done what it has done
  std::vector<double> busy;       // by rank

  bool complete(const PipelineSchedule& s) const {
    for (int rank = 0; rank < s.ranks; ++rank) {
      if (next[rank] < s.tasks[rank].size()) return false;
    }
    return true;
  }
};

Rehearsal rehearse(const PipelineSchedule& s, const StageTimes& times) {
  Rehearsal run{std::vector<std::size_t>(s.ranks, 0), std::vector<double>(s.ranks, 0),
                std::vector<double>(s.ranks, 0)};
  Ends ends(s);
  const double hand_on = s.ranks > 1 ? times.hand_on : 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (int rank = 0; rank < s.ranks; ++rank) {
      for (; run.next[rank] < s.tasks[rank].size(); ++run.next[rank]) {
        const PipelineTask& task = s.tasks[rank][run.next[rank]];
        const double ready = ends.ready(rank, task, hand_on);
        if (ready < 0) break;
        const int stage = s.stage(rank, task.chunk);
        const double seconds = seconds_of(s, stage, task.work, times);
        run.free[rank] = std::max(run.free[rank], ready) + seconds;
        run.busy[rank] += seconds;
        ends.of(task.work, stage, task.micro_batch) = run.free[rank];
        moved = true;
      }
    }
  }
  return run;
}

// ---- what can be wrong

// Each task once, none else.
std::string check_rank(const PipelineSchedule& s, int rank) {
  std::vector<int> times(static_cast<std::size_t>(s.chunks) * s.micro_batches * 3, 0);
  const auto count = [&](const PipelineTask& task) -> int& {
    return times[(static_cast<std::size_t>(task.chunk) * s.micro_batches + task.micro_batch) * 3 +
                 static_cast<std::size_t>(task.work)];
  };
  const std::string who = "rank " + std::to_string(rank);
  for (const PipelineTask& task : s.tasks[rank]) {
    if (!is_in_range(s, task)) return who + " has " + describe(s, task) + ", which there is not";
    if (++count(task) > 1) return who + " has " + describe(s, task) + " twice";
  }
  for (int chunk = 0; chunk < s.chunks; ++chunk) {
    for (int m = 0; m < s.micro_batches; ++m) {
      for (const PipelineWork work : {kForward, kBackward, kWeights}) {
        const PipelineTask task{work, chunk, m};
        if (is_in_range(s, task) && count(task) == 0) return who + " lacks " + describe(s, task);
      }
    }
  }
  return "";
}

std::string describe_stop(const PipelineSchedule& s, const Rehearsal& run) {
  std::string text = "for ever:";
  for (int rank = 0; rank < s.ranks; ++rank) {
    if (run.next[rank] == s.tasks[rank].size()) continue;
    text += " rank " + std::to_string(rank) + " waits to begin " +
            describe(s, s.tasks[rank][run.next[rank]]) + ",";
  }
  text.pop_back();
  return text;
}

std::vector<int> most_in_flight(const PipelineSchedule& s) {
  const PipelineWork last = s.splits_backward ? kWeights : kBackward;
  std::vector<int> most(s.ranks, 0);
  for (int rank = 0; rank < s.ranks; ++rank) {
    int kept = 0;
    for (const PipelineTask& task : s.tasks[rank]) {
      kept += (task.work == kForward ? 1 : 0) - (task.work == last ? 1 : 0);
      most[rank] = std::max(most[rank], kept);
    }
  }
  return most;
}

}  // namespace

std::string_view name(PipelineKind kind) {
  switch (kind) {
    case PipelineKind::kGpipe:
      return "gpipe";
    case PipelineKind::kOneForwardOneBackward:
      return "1f1b";
    case PipelineKind::kInterleaved:
      return "interleaved";
    case PipelineKind::kZeroBubble:
      return "zero_bubble";
  }
  return "";
}

Result<PipelineSchedule> make_pipeline(PipelineKind kind, int ranks, int chunks,
                                       int micro_batches) {
  const std::string why = objection(kind, ranks, chunks, micro_batches);
  if (!why.empty()) return Status{Code::kInvalidArgument, why};
  PipelineSchedule schedule;
  schedule.ranks = ranks;
  schedule.chunks = chunks;
  schedule.micro_batches = micro_batches;
  schedule.splits_backward = kind == PipelineKind::kZeroBubble;
  for (int rank = 0; rank < ranks; ++rank) {
    schedule.tasks.push_back(tasks_of(kind, schedule, rank));
  }
  return schedule;
}

PipelineSchedule make_forward_only(int ranks, int chunks, int micro_batches) {
  PipelineSchedule schedule;
  schedule.ranks = ranks;
  schedule.chunks = chunks;
  schedule.micro_batches = micro_batches;
  std::vector<PipelineTask> tasks;
  for (int first = 0; first < micro_batches; first += ranks) {
    for (int chunk = 0; chunk < chunks; ++chunk) {
      for (int m = first; m < std::min(first + ranks, micro_batches); ++m) {
        tasks.push_back({kForward, chunk, m});
      }
    }
  }
  schedule.tasks.assign(ranks, tasks);
  return schedule;
}

std::string check(const PipelineSchedule& schedule) {
  if (static_cast<int>(schedule.tasks.size()) != schedule.ranks) {
    return "tasks of " + std::to_string(schedule.tasks.size()) + " ranks: expected " +
           std::to_string(schedule.ranks);
  }
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    if (const std::string why = check_rank(schedule, rank); !why.empty()) return why;
  }
  const std::vector<double> none(schedule.stages(), 0);
  const Rehearsal run = rehearse(schedule, {none, none, none, 0});
  return run.complete(schedule) ? "" : describe_stop(schedule, run);
}

PipelineTimes time_of(const PipelineSchedule& schedule, const StageTimes& times) {
  const Rehearsal run = rehearse(schedule, times);
  return {.total = *std::max_element(run.free.begin(), run.free.end()),
          .busy = run.busy,
          .most_in_flight = most_in_flight(schedule)};
}

std::string to_text(const PipelineSchedule& schedule) {
  std::string text;
  for (const std::vector<PipelineTask>& tasks : schedule.tasks) {
    for (const PipelineTask& task : tasks) text += describe(schedule, task) + " ";
    text.back() = '\n';
  }
  return text;
}

}  // namespace tutti
