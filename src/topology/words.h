// Quantities, lists and names for people, in text and in pictures alike.
//
// Tested by topology_text_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

/// "512 GiB", "1.5 TiB", "48 KiB": three digits at most.
std::string bytes_text(std::size_t bytes);

/// "400 Gbit/s", "2.5 Gbit/s", "100 Mbit/s"; "speed unknown" for 0.
std::string speed_text(long megabits);

/// "24 GB/s", "20.6 GB/s".
std::string bandwidth_text(double gigabytes_per_second);

/// "1 port", "2 ports".
std::string counted(int count, const std::string& what);

/// Parts with a separator between them; empty parts are left out.
std::string joined(const std::vector<std::string>& parts, std::string_view separator = ", ");

/// "ranks 0-3"; "" for none.
std::string ranks_text(std::vector<int> ranks);

/// The name of a host, or what stands for it where it has none: "host 3".
std::string host_name(const Topology& topology, int host);

}  // namespace tutti
