// The subcommand `tutti perf`.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli {

/// Runs it in this process: one rank of a launcher's, or all ranks as threads. Returns the exit
/// status: 0 well, 1 wrong results or a failure, 2 a wrong line.
int perf_main(std::vector<std::string> arguments);

}  // namespace tutti::cli
