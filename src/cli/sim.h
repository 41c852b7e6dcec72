// The subcommand `tutti sim`.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli {

/// Returns the exit status: 0 well, 1 what was asked for fails, 2 a wrong line.
int sim_main(std::vector<std::string> arguments);

}  // namespace tutti::cli
