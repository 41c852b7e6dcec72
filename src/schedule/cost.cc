// Counts over one trace. Tested by cost_test.cc.

#include "schedule/cost.h"

#include <algorithm>
#include <vector>

#include "schedule/trace.h"

namespace tutti {
namespace {

struct RankCount {
  int sent = 0;
  int received = 0;
  int reduced = 0;
  int copied = 0;
  int depth = 0;  // messages in the longest chain that has reached this rank
  int time = 0;   // when the rank's last step was over, as critical_chunks counts
};

class Counter {
 public:
  explicit Counter(const Schedule& schedule)
      : schedule_(schedule), trace_(trace(schedule)), by_rank_(schedule.ranks) {}

  Cost count() {
    given_.resize(trace_.events.size());
    for (std::size_t i = 0; i < trace_.events.size(); ++i) take(i);
    Cost cost{.scratch_chunks = schedule_.scratch_chunks};
    for (const RankCount& count : by_rank_) {
      cost.steps = std::max(cost.steps, count.depth);
      cost.chunks_sent = std::max(cost.chunks_sent, count.sent);
      cost.chunks_received = std::max(cost.chunks_received, count.received);
      cost.chunks_reduced = std::max(cost.chunks_reduced, count.reduced);
      cost.chunks_copied = std::max(cost.chunks_copied, count.copied);
      cost.critical_chunks = std::max(cost.critical_chunks, count.time);
    }
    return cost;
  }

 private:
  void take(std::size_t i) {
    const Event& event = trace_.events[i];
    const std::vector<Step>& steps = schedule_.at(event.rank).steps;
    if (event.step == static_cast<int>(steps.size())) return;
    const Step& step = steps[event.step];
    RankCount& mine = by_rank_[event.rank];
    mine.time += static_cast<int>(step.sources.size());
    switch (step.kind) {
      case StepKind::kCopy:
        if (fetch(event.rank, step) == 0) ++mine.copied;
        return;
      case StepKind::kReduce:
        fetch(event.rank, step);
        mine.reduced += static_cast<int>(step.sources.size()) - 1;
        return;
      case StepKind::kPut:
        ++mine.sent;
        ++by_rank_[step.peer].received;
        given_[i] = {mine.depth + 1, mine.time};
        return;
      case StepKind::kSignal:
        given_[i] = {mine.depth + 1, mine.time};
        return;
      case StepKind::kWait:
        mine.depth = std::max(mine.depth, given_[event.match].depth);
        mine.time = std::max(mine.time, given_[event.match].time);
        return;
    }
  }

  // Counts the sources that are peers', and returns how many.
  int fetch(int rank, const Step& step) {
    int fetched = 0;
    for (const Chunk& source : step.sources) {
      if (source.rank == kSelf || source.rank == rank) continue;
      ++fetched;
      ++by_rank_[source.rank].sent;
    }
    by_rank_[rank].received += fetched;
    return fetched;
  }

  struct Given {
    int depth = 0;
    int time = 0;
  };

  const Schedule& schedule_;
  const Trace trace_;
  std::vector<RankCount> by_rank_;
  std::vector<Given> given_;  // by event that gives a signal: what travels with it
};

}  // namespace

Cost cost(const Schedule& schedule) { return Counter(schedule).count(); }

}  // namespace tutti
