// When each step of a schedule happens, for pictures: every step takes one unit, and a wait happens
// in the unit after its signal was given, or later.
//
// Tested by draw_test.cc.

#pragma once

#include <vector>

#include "schedule/schedule.h"
#include "schedule/trace.h"

namespace tutti {

struct Timeline {
  struct Moment {
    int unit = 0;
    int signal_rank = kNone;  // of a wait: the step whose signal it takes
    int signal_step = kNone;
  };
  std::vector<std::vector<Moment>> steps;  // by rank and step; those never reached are missing
  int units = 0;
};

/// REQUIRES: check_shape(schedule) == "". A schedule that is wrong otherwise has a time line too:
/// pictures are most wanted when something is stuck.
Timeline timeline(const Schedule& schedule);

}  // namespace tutti
