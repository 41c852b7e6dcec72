// Tested by hierarchical_test.cc.

#include "algorithms/crossing.h"

#include <algorithm>
#include <set>
#include <vector>

#include "schedule/trace.h"

namespace tutti {
namespace {

class Counter {
 public:
  Counter(const Schedule& schedule, const Group& group)
      : schedule_(schedule),
        group_(group),
        trace_(trace(schedule)),
        depths_(schedule.ranks, 0),
        peers_(schedule.ranks),
        given_(trace_.events.size(), 0) {
    crossing_.chunks_sent.assign(group.host_count(), 0);
    crossing_.chunks_received.assign(group.host_count(), 0);
  }

  Crossing count() {
    for (std::size_t i = 0; i < trace_.events.size(); ++i) {
      const Event& event = trace_.events[i];
      const std::vector<Step>& steps = schedule_.at(event.rank).steps;
      if (event.step < static_cast<int>(steps.size())) take(steps[event.step], i);
    }
    crossing_.steps = *std::max_element(depths_.begin(), depths_.end());
    for (const std::set<int>& peers : peers_) {
      crossing_.peers.push_back(static_cast<int>(peers.size()));
    }
    return crossing_;
  }

 private:
  void take(const Step& step, std::size_t i) {
    const int rank = trace_.events[i].rank;
    if (step.kind == StepKind::kWait) {
      depths_[rank] = std::max(depths_[rank], given_[trace_.events[i].match]);
    }
    if (step.peer == kSelf) return;
    const int here = group_.host_of(rank), there = group_.host_of(step.peer);
    given_[i] = depths_[rank] + (here != there ? 1 : 0);
    if (here == there) return;
    peers_[rank].insert(step.peer);
    if (step.kind != StepKind::kPut) return;
    ++crossing_.chunks_sent[here];
    ++crossing_.chunks_received[there];
  }

  const Schedule& schedule_;
  const Group& group_;
  const Trace trace_;
  std::vector<int> depths_;  // by rank: crossings in the longest chain that has reached it
  std::vector<std::set<int>> peers_;
  std::vector<int> given_;  // by event that gives a signal: what travels with it
  Crossing crossing_;
};

}  // namespace

Crossing crossing(const Schedule& schedule, const Group& group) {
  return Counter(schedule, group).count();
}

}  // namespace tutti
