// Tested by compose_test.cc.

#include "algorithms/part.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tutti {

Part::Part(Schedule schedule) : schedule_(std::move(schedule)), trace_(tutti::trace(schedule_)) {
  find_depths();
  sort_by_member();
}

void Part::find_depths() {
  std::vector<int> reached(schedule_.ranks, 0);  // by member
  for (const Event& event : trace_.events) {
    int& depth = reached[event.rank];
    if (event.match != kNone) depth = std::max(depth, depths_[event.match] + 1);
    depths_.push_back(depth);
  }
}

const Step* Part::step_of(const Event& event) const {
  const std::vector<Step>& steps = schedule_.at(event.rank).steps;
  return event.step < static_cast<int>(steps.size()) ? &steps[event.step] : nullptr;
}

void Part::sort_by_member() {
  const auto for_each_event = [this](const auto& visit) {
    for (int i = 0; i < static_cast<int>(trace_.events.size()); ++i) {
      const Step* step = step_of(trace_.events[i]);
      if (step == nullptr) continue;
      visit(trace_.events[i].rank, i);
      if (step->kind == StepKind::kPut || step->kind == StepKind::kSignal) visit(step->peer, i);
    }
  };
  firsts_.resize(schedule_.ranks + 1);
  for_each_event([this](int member, int) { ++firsts_[member + 1]; });
  std::partial_sum(firsts_.begin(), firsts_.end(), firsts_.begin());
  events_.resize(firsts_.back());
  std::vector<int> next(firsts_.begin(), firsts_.end() - 1);
  for_each_event([&](int member, int event) { events_[next[member]++] = event; });
}

}  // namespace tutti
