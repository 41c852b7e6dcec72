// The text of `tutti topo`: the machine, the paths in it, what the search found there, and notes.
//
// Tested by cli_topo_test.cc.

#pragma once

#include <string>

#include "cli/topo_options.h"
#include "tutti/topology.h"

namespace tutti::cli {

std::string topo_text(const TopologyReport& report, MatrixSize size);

}  // namespace tutti::cli
