// Which algorithm runs a call among ranks on several hosts.

#pragma once

#include <string_view>

#include "tuner/choose.h"

namespace tutti {

/// The name of an algorithm that can run it; nothing is forced. REQUIRES: the group has several
/// hosts, and the buffers are not mapped.
std::string_view preferred_across_hosts(const Question& question);

}  // namespace tutti
