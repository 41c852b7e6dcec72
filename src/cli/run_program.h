// Runs another program as a filter: a text in, bytes out. Tested by cli_topo_test.cc.

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tutti/status.h"

namespace tutti::cli {

/// What the program writes to its standard output when `input` is its standard input. `command`:
/// the program, which is looked for in PATH, and its arguments. kNotSupported: there is no such
/// program. kSystem: it failed, and what it said first; kTimeout: it was killed.
Result<std::string> run_program(std::vector<std::string> command, const std::string& input,
                                std::chrono::milliseconds timeout);

}  // namespace tutti::cli
