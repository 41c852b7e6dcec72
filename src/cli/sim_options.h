// What the line of `tutti sim` asks for.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tutti/simulate.h"
#include "tutti/status.h"

namespace tutti::cli {

struct SimOptions {
  std::string topology;  // a file, or …
  std::string cluster;   // … words; both "" only with a schedule, which is then only proved
  int hosts = 1;         // copies of it
  SimulationRequest request;
  std::string algorithm;  // a name, or "all"
  std::vector<std::size_t> sizes;
  std::string trace_file;  // "" for none; likewise
  std::string svg_file;
  std::string goal_file;
  bool goal_all_blocks = false;
  bool dump = false;
  bool json = false;

  bool has_cluster() const { return !topology.empty() || !cluster.empty(); }
};

/// Options, or the help text that was asked for instead.
struct SimLine {
  SimOptions options;
  std::string help;
};

/// `arguments` are what follows `tutti sim`. kInvalidArgument is a sentence for the user.
Result<SimLine> parse_sim(std::vector<std::string> arguments);

}  // namespace tutti::cli
