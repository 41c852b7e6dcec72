// Logical processors as the system lists them: "0-3,8". Tested by topology_processors_test.cc.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tutti {

/// Ascending. What is no such list reads as far as it is one: the system writes no other.
std::vector<int> parse_cpu_list(std::string_view text);

/// REQUIRES: ascending.
std::string cpu_list(const std::vector<int>& cpus);

}  // namespace tutti
