// Which ranks of a schedule are alike on a machine.
//
// Tested by symmetry_on_test.cc.

#pragma once

#include "schedule/symmetry.h"
#include "simulator/machine.h"

namespace tutti {

/// The finest symmetry of the machine that is one of `alike`, which is what the schedule has. Hosts
/// stay whole, and leaves where these limit anything. REQUIRES: both are of the same ranks.
Symmetry symmetry_on(const Machine& machine, const Symmetry& alike);

}  // namespace tutti
