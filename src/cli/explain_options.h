// What `tutti explain` was asked.

#pragma once

#include <string>
#include <vector>

#include "tutti/status.h"
#include "tutti/types.h"

namespace tutti::cli {

struct ExplainOptions {
  std::vector<Collective> collectives;
  std::vector<std::size_t> sizes;
  DataType type = DataType::kFloat32;
  int ranks = 2;  // of each host; without a launcher, and not where the topology says
  int hosts = 1;
  int cores = 0;  // of each host; 0: one for each rank
  bool allocated = false;
  bool measure = false;
  bool json = false;
  std::string topology;  // a file: the call is simulated on that machine; "" on this one
  int iterations = 15;
};

/// Options, or the help text that was asked for instead.
struct ExplainRequest {
  ExplainOptions options;
  std::string help;
};

/// `arguments` are what follows `tutti explain`. kInvalidArgument is a sentence for the user.
Result<ExplainRequest> parse_explain(std::vector<std::string> arguments);

/// "8,1K,64M": sizes in bytes.
Result<std::vector<std::size_t>> parse_sizes(const std::string& option, const std::string& text);

}  // namespace tutti::cli
