// Times and checks one call in several libraries, iteration by iteration in turn.
//
// An iteration, for each library: write fresh input and dirty the output (not timed); a barrier;
// the calls of a round, timed; divided by their number. Small calls are made in rounds of several,
// on memory of their own each, so that the clock does not count. Libraries take turns, beginning
// with another one each time, so that what disturbs the machine disturbs all alike.
//
// Tested by cli_command_test.py.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/buffers.h"
#include "cli/contender.h"
#include "cli/expectation.h"
#include "cli/perf_options.h"
#include "cli/results.h"
#include "cli/session.h"

namespace tutti::cli {

/// Calls timed together for a size, a multiple of options.aggregate.
int calls_in_round(const PerfOptions& options, std::size_t bytes);

/// Bytes of the input area, and of the output area, that rounds of up to `bytes` need.
std::size_t area_bytes(const PerfOptions& options, std::size_t bytes);

/// What one library did. Nothing in `outcome` when it has no such call; `why` says so.
struct Finding {
  std::optional<Outcome> outcome;
  std::string why;
  Explanation explanation;
};

/// A library and the memory it is measured on.
struct Entrant {
  Contender* contender = nullptr;
  const Buffers* buffers = nullptr;
};

struct Experiment {
  Problem problem;
  Placement placement = Placement::kOutOfPlace;
  std::vector<Entrant> entrants;
};

/// One finding an entrant, the same on all ranks. Collective. `progress` is told the share of
/// iterations done.
Result<std::vector<Finding>> measure(Session& session, const PerfOptions& options,
                                     const Experiment& experiment, Tables& tables,
                                     const std::function<void(double)>& progress);

}  // namespace tutti::cli
