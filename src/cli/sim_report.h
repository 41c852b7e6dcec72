// What `tutti sim` prints: lines for people, or a document.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/sim_options.h"
#include "tutti/simulate.h"

namespace tutti::cli {

/// One call, or why it could not be simulated.
struct SimRow {
  std::size_t bytes = 0;
  std::string algorithm;
  std::optional<Simulation> simulation;
  std::string reason;
};

/// `cluster` is ModelCluster::to_text().
std::string sim_titles(const SimOptions& options, const std::string& cluster);
std::string sim_line(const SimRow& row);

/// That a schedule is proved, and what it costs.
std::string sim_proof(const std::string& file, const ScheduleSummary& summary);

std::string sim_json(const SimOptions& options, const std::optional<ModelCluster>& cluster,
                     const std::optional<ScheduleSummary>& summary, const std::vector<SimRow>& rows,
                     const std::string& version);

}  // namespace tutti::cli
