// The process's environment as a value, for those who are given it (launcher.h).

#pragma once

#include "bootstrap/launcher.h"

namespace tutti {

/// Defined in options.cc, the one place that reads the environment.
Environment process_environment();

}  // namespace tutti
