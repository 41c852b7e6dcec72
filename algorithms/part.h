// A schedule that becomes part of another one, perhaps many times: what is found out about it once.
//
// Tested by compose_test.cc.

#pragma once

#include <span>
#include <vector>

#include "schedule/schedule.h"
#include "schedule/trace.h"

namespace tutti {

class Part {
 public:
  /// Not explicit: a schedule that is added once needs no name. REQUIRES: verify(schedule) == "".
  Part(Schedule schedule);  // NOLINT

  const Schedule& schedule() const { return schedule_; }
  /// Events, in an order in which they could happen.
  const Trace& trace() const { return trace_; }
  /// How many messages must have come before an event.
  int depth(int event) const { return depths_[event]; }

  /// The events in which a member takes part, as the one who acts or whom a message goes to.
  std::span<const int> events_of(int member) const {
    return std::span(events_).subspan(firsts_[member], firsts_[member + 1] - firsts_[member]);
  }

 private:
  void find_depths();
  void sort_by_member();
  /// Null for the event of a rank's end.
  const Step* step_of(const Event& event) const;

  Schedule schedule_;
  Trace trace_;
  std::vector<int> depths_;  // by event
  std::vector<int> events_;  // by member
  std::vector<int> firsts_;  // by member, and one more: where its events begin
};

}  // namespace tutti
