// Pictures of a schedule: who does what when, as text or SVG.

#pragma once

#include <string>

#include "schedule/schedule.h"

namespace tutti {

/// A time line as text: a column per rank, a line per time unit. Every step takes one unit; a wait
/// comes after the put or signal that it takes, and until then the column shows ".". A schedule
/// that deadlocks is drawn as far as it gets; one that is malformed gives verify()'s sentence.
std::string draw_text(const Schedule& schedule);

/// The same as a standalone SVG: a lane per rank, a box per step, an arrow per put or signal taken.
std::string draw_svg(const Schedule& schedule);

}  // namespace tutti
