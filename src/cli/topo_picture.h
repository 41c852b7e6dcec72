// The pictures of `tutti topo --draw`, by Graphviz. Tested by cli_topo_test.cc and
// cli_command_test.py.

#pragma once

#include <string>

#include "cli/topo_options.h"
#include "tutti/status.h"
#include "tutti/topology.h"

namespace tutti::cli {

/// The bytes of a file of that format. kNotSupported: `renderer`, Graphviz's program dot, is
/// missing.
Result<std::string> render_picture(const std::string& dot, PictureFormat format,
                                   const std::string& renderer = "dot");

/// Writes options.draw_file.
Status draw_topology(const Topology& topology, const TopoOptions& options);

/// kInvalidArgument where it cannot be written, naming `option` and the file.
Status write_file(const std::string& option, const std::string& file, const std::string& bytes);

}  // namespace tutti::cli
