// The process's environment as a value, for those who are given it (launcher.h).

#pragma once

#include <string>

#include "bootstrap/launcher.h"

namespace tutti {

/// Defined in options.cc, the one place that reads the environment.
Environment process_environment();

/// Where this user keeps what can be made again; "" where the environment does not say. There too.
std::string cache_folder();

}  // namespace tutti
