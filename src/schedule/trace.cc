// Runs a schedule on nothing but signals. Cost: linear in its steps. Tested by verify_test.cc.

#include "schedule/trace.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace tutti {
namespace {

// The signals of one (sender, receiver, channel), as events.
struct Lane {
  std::vector<int> given;
  std::size_t taken = 0;
};

constexpr std::uint64_t kNoLane = ~std::uint64_t{0};

std::uint64_t lane_of(int sender, int receiver, int channel) {
  constexpr int kRankBits = 24;
  constexpr int kChannelBits = 16;
  return ((static_cast<std::uint64_t>(sender) << kRankBits | receiver) << kChannelBits) | channel;
}

class Tracer {
 public:
  explicit Tracer(const Schedule& schedule)
      : schedule_(schedule), next_(schedule.ranks), waits_for_(schedule.ranks, kNoLane) {}

  Trace run() {
    for (int rank = 0; rank < schedule_.ranks; ++rank) ready_.push_back(rank);
    while (!ready_.empty()) {
      const int rank = ready_.front();
      ready_.pop_front();
      advance(rank);
    }
    report_ends();
    return std::move(trace_);
  }

 private:
  // Takes steps until the rank ends or must wait.
  void advance(int rank) {
    const std::vector<Step>& steps = schedule_.at(rank).steps;
    for (int& next = next_[rank]; next < static_cast<int>(steps.size()); ++next) {
      const Step& step = steps[next];
      if (step.kind == StepKind::kWait) {
        if (!take(rank, step)) return;
      } else {
        trace_.events.push_back({rank, next});
        if (step.kind == StepKind::kPut || step.kind == StepKind::kSignal) give(rank, step);
      }
    }
    trace_.events.push_back({rank, next_[rank]});
  }

  bool take(int rank, const Step& step) {
    const std::uint64_t key = lane_of(step.peer, rank, step.channel);
    Lane& lane = lanes_[key];
    if (lane.taken == lane.given.size()) {
      waits_for_[rank] = key;
      return false;
    }
    trace_.events.push_back({rank, next_[rank], lane.given[lane.taken++]});
    return true;
  }

  void give(int rank, const Step& step) {
    const std::uint64_t key = lane_of(rank, step.peer, step.channel);
    lanes_[key].given.push_back(static_cast<int>(trace_.events.size()) - 1);
    if (waits_for_[step.peer] != key) return;
    waits_for_[step.peer] = kNoLane;
    ready_.push_back(step.peer);
  }

  void report_ends() {
    for (int rank = 0; rank < schedule_.ranks; ++rank) {
      trace_.stuck.push_back(waits_for_[rank] == kNoLane ? kNone : next_[rank]);
    }
    for (const auto& [key, lane] : lanes_) {
      trace_.unmatched.insert(trace_.unmatched.end(), lane.given.begin() + lane.taken,
                              lane.given.end());
    }
    std::sort(trace_.unmatched.begin(), trace_.unmatched.end());
  }

  const Schedule& schedule_;
  std::vector<int> next_;                 // by rank: the step to take
  std::vector<std::uint64_t> waits_for_;  // by rank
  std::deque<int> ready_;
  std::unordered_map<std::uint64_t, Lane> lanes_;
  Trace trace_;
};

}  // namespace

Trace trace(const Schedule& schedule) { return Tracer(schedule).run(); }

}  // namespace tutti
