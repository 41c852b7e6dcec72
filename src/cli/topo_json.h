// Everything that `tutti topo` knows, as JSON. Tested by cli_topo_test.cc.

#pragma once

#include <string>

#include "cli/topo_options.h"
#include "tutti/topology.h"

namespace tutti::cli {

/// Paths are null where there are many places and not all were asked for.
std::string topo_json(const TopologyReport& report, MatrixSize size);

}  // namespace tutti::cli
