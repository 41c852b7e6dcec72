// The subcommand `tutti topo`.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli {

/// Alone: shows this host, or a machine from a file. Under a launcher: the hosts of all ranks, on
/// rank 0. Returns the exit status: 0 well, 1 a failure, 2 a wrong line or file.
int topo_main(std::vector<std::string> arguments);

}  // namespace tutti::cli
