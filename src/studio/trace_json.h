// A simulation as a trace for chrome://tracing and ui.perfetto.dev: a process a host, a track a
// rank, slices for what ranks do, arrows for messages.
//
// Tested by studio_pictures_test.cc.

#pragma once

#include <string>

#include "simulator/machine.h"
#include "studio/recorder.h"

namespace tutti {

/// `title` names the call; what the recorder left out is said in the trace.
std::string trace_json(const std::string& title, const Machine& machine, const Cast& cast,
                       const Recorder& recorder);

}  // namespace tutti
