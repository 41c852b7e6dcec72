// Pictures of a schedule: who does what when, as text or SVG.

#pragma once

#include <string>

#include "schedule/schedule.h"

namespace tutti {

/// A time line as text: a column per rank, a line per time unit (a step takes one unit once its
/// waits are satisfied).
std::string draw_text(const Schedule& schedule);

/// The same as a standalone SVG: a lane per rank, a box per step, an arrow per put or signal.
std::string draw_svg(const Schedule& schedule);

}  // namespace tutti
