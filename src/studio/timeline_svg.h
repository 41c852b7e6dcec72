// A simulation as a picture: time from left to right, a row a rank, boxes for what ranks do, lines
// for messages.
//
// Tested by studio_pictures_test.cc; look at it, too, when it changes.

#pragma once

#include <string>

#include "simulator/machine.h"
#include "studio/recorder.h"

namespace tutti {

/// More would not be legible.
inline constexpr int kMostRanksDrawn = 16;
inline constexpr std::size_t kMostActsDrawn = 3000;

/// What is written beside it.
struct TimelineWords {
  std::string title;     // the call
  std::string subtitle;  // the machine
  std::string note;      // what else should be known; "" nothing
};

/// The recorder should look at no more ranks and acts than the above.
std::string timeline_svg(const TimelineWords& words, const Machine& machine, const Cast& cast,
                         const Recorder& recorder);

}  // namespace tutti
