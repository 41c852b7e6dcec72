// The subcommand `tutti doctor`.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli {

/// Alone: looks at this host. Under a launcher: at the hosts of all ranks, and at the ways between
/// them. Returns the exit status, of rank 0 where there are several: 0 all is well, 1 something
/// fails or costs performance, 2 a wrong line.
int doctor_main(std::vector<std::string> arguments);

}  // namespace tutti::cli
