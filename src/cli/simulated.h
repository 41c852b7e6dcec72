// What would be chosen on a machine that one is not on: every algorithm, simulated there.
//
// Tested by cli_simulated_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/simulate.h"
#include "tutti/tuning.h"

namespace tutti::cli {

/// More ranks take too long for a table.
inline constexpr int kMostSimulatedRanks = 512;

/// All algorithms for the call: the fastest first, those that cannot be simulated last.
std::vector<CallCandidate> simulated_candidates(const ModelCluster& cluster, Collective collective,
                                                std::size_t bytes, DataType type);

/// A table of the fastest algorithm by collective and size, with its bus bandwidth; "" where there
/// are fewer than two ranks.
std::string choices_text(const Topology& topology);

}  // namespace tutti::cli
