// Tested by draw_test.cc.

#include "schedule/timeline.h"

#include <algorithm>

namespace tutti {
namespace {

bool is_end(const Schedule& schedule, const Event& event) {
  return event.step == static_cast<int>(schedule.at(event.rank).steps.size());
}

}  // namespace

Timeline timeline(const Schedule& schedule) {
  const Trace run = trace(schedule);
  Timeline line;
  line.steps.resize(schedule.ranks);
  for (const Event& event : run.events) {
    if (is_end(schedule, event)) continue;
    std::vector<Timeline::Moment>& mine = line.steps[event.rank];
    Timeline::Moment moment{.unit = mine.empty() ? 0 : mine.back().unit + 1};
    if (event.match != kNone) {
      const Event& given = run.events[event.match];
      moment.signal_rank = given.rank;
      moment.signal_step = given.step;
      moment.unit = std::max(moment.unit, line.steps[given.rank][given.step].unit + 1);
    }
    line.units = std::max(line.units, moment.unit + 1);
    mine.push_back(moment);
  }
  return line;
}

}  // namespace tutti
