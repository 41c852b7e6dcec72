// Which ranks are on one host, as the library sees it. Tested by cli_command_test.py and
// cli_doctor_test.cc.

#pragma once

#include <vector>

#include "tutti/diagnostics.h"
#include "tutti/tutti.h"

namespace tutti::cli {

/// The host of each rank: 0, 1, … in the order of their first ranks. Collective.
Result<std::vector<int>> host_of_ranks(Communicator& communicator, const Options& options);

/// The same from texts that are equal for ranks of one host.
std::vector<int> number_hosts(const std::vector<std::string>& identities);

/// The first rank of each host.
std::vector<int> first_ranks(const std::vector<int>& hosts);

}  // namespace tutti::cli
