// Finds accesses of one chunk that nothing orders, by vector clocks.
//
// Tested by verify_test.cc.

#pragma once

#include <string>

#include "schedule/layout.h"
#include "schedule/trace.h"

namespace tutti {

/// "" when (1) of any two accesses of one location, one of them a write, one happens before the
/// other; (2) every access of a rank's memory happens before the end of its program, except that
/// its own puts may still be reading their sources (executors flush them before a call returns);
/// (3) in a barrier, every rank's start happens before every rank's end.
///
/// A put reads its source and writes its target at any time between its issue and the wait that
/// takes its signal: it happens after what its sender knew at the issue, and before what happens
/// after that wait. REQUIRES: nobody is stuck in the trace.
std::string find_race(const Schedule& schedule, const Layout& layout, const Trace& trace);

}  // namespace tutti
