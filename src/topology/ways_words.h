// How members and ways are called in text and pictures. Tested by topology_ways_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

/// "NVL"; "NVL inside, PIX to ports" where there are ports.
std::string types_text(PathType inside, PathType between);

/// "GPU3" of "host0/GPU3".
std::string device_label(const Member& member);

/// "host0" of "host0/GPU3"; "" where there is one host.
std::string host_label(const Member& member);

/// For Graphviz, in quotes.
std::string dot_quoted(const std::string& text);

/// One of twelve that can be told apart, darkened enough for thin lines on white.
std::string ring_colour(int ring);

}  // namespace tutti
