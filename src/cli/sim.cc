// Tested by cli_command_test.py.

#include "cli/sim.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "cli/sim_options.h"
#include "cli/sim_report.h"
#include "tutti/topology.h"

namespace tutti::cli {
namespace {

// More, and trying all algorithms takes hours and all memory.
constexpr int kMostRanksForAll = 1024;

int fail(const Status& status, int exit_status) {
  fmt::print(stderr, "tutti sim: {}\n", status.message());
  return exit_status;
}

Result<ModelCluster> cluster_of(const SimOptions& options) {
  if (!options.cluster.empty()) {
    const auto cluster = ModelCluster::parse(options.cluster);
    return cluster.ok() ? cluster->times(options.hosts) : cluster;
  }
  const auto file = read_topology_file(options.topology);
  if (!file.ok()) return file.status();
  const auto cluster = ModelCluster::of(file->topology);
  return cluster.ok() ? cluster->times(options.hosts) : cluster;
}

Status write(const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  std::ofstream file(path);
  file << text;
  file.close();
  if (file) return {};
  return {Code::kSystem, fmt::format("{}: cannot be written", path)};
}

Status write_files(const SimOptions& options, const ModelCluster& cluster,
                   const SimulationRequest& request, const Simulation& simulation) {
  if (Status status = write(options.trace_file, simulation.trace); !status.ok()) return status;
  if (Status status = write(options.svg_file, simulation.svg); !status.ok()) return status;
  if (options.goal_file.empty()) return {};
  const auto goal = goal_text(cluster, request, options.goal_all_blocks);
  return goal.ok() ? write(options.goal_file, *goal) : goal.status();
}

Result<std::vector<std::string>> algorithms_of(const SimOptions& options,
                                               const ModelCluster& cluster) {
  const SimulationRequest& request = options.request;
  if (const std::string& file = request.schedule_file; !file.empty()) {
    return std::vector<std::string>{std::filesystem::path(file).filename()};
  }
  if (options.algorithm != "all") return std::vector<std::string>{options.algorithm};
  if (cluster.ranks() <= kMostRanksForAll) {
    return simulated_algorithms(cluster, request.collective);
  }
  return {Code::kInvalidArgument, fmt::format("--algorithm all: expected one by name on more than "
                                              "{} ranks",
                                              kMostRanksForAll)};
}

// Prints rows as they come; an algorithm that cannot run is a row among several, alone an error.
class Run {
 public:
  Run(const SimOptions& options, const ModelCluster& cluster)
      : options_(options), cluster_(cluster) {}

  Status run() {
    const auto algorithms = algorithms_of(options_, cluster_);
    if (!algorithms.ok()) return algorithms.status();
    if (!options_.json) fmt::print("{}", sim_titles(options_, cluster_.to_text()));
    for (const std::size_t bytes : options_.sizes) {
      for (const std::string& algorithm : *algorithms) {
        const Status status = run(algorithm, bytes);
        if (!status.ok() && algorithms->size() == 1) return status;
      }
    }
    return {};
  }

  const std::vector<SimRow>& rows() const { return rows_; }

 private:
  Status run(const std::string& algorithm, std::size_t bytes) {
    SimulationRequest request = options_.request;
    request.bytes = bytes;
    if (request.schedule_file.empty()) request.algorithm = algorithm;
    request.trace = !options_.trace_file.empty();
    request.svg = !options_.svg_file.empty();
    auto simulation = simulate(cluster_, request);
    SimRow row{bytes, algorithm, {}, simulation.status().message()};
    if (simulation.ok()) row.simulation = *simulation;
    if (!options_.json) fmt::print("{}", sim_line(row));
    std::fflush(stdout);
    rows_.push_back(std::move(row));
    if (!simulation.ok()) return simulation.status();
    return write_files(options_, cluster_, request, *simulation);
  }

  const SimOptions& options_;
  const ModelCluster& cluster_;
  std::vector<SimRow> rows_;
};

int run(const SimOptions& options) {
  std::optional<ScheduleSummary> summary;
  if (const std::string& file = options.request.schedule_file; !file.empty()) {
    auto read = read_schedule(file);
    if (!read.ok()) return fail(read.status(), 1);
    summary = std::move(*read);
    if (!options.json) fmt::print("{}", sim_proof(file, *summary));
    if (options.dump && !options.json) fmt::print("{}", summary->dump);
  }
  std::optional<ModelCluster> cluster;
  std::vector<SimRow> rows;
  if (options.has_cluster()) {
    auto made = cluster_of(options);
    if (!made.ok()) return fail(made.status(), 2);
    cluster = std::move(*made);
    Run runs(options, *cluster);
    if (const Status status = runs.run(); !status.ok()) return fail(status, 1);
    rows = runs.rows();
  }
  if (options.json) fmt::print("{}", sim_json(options, cluster, summary, rows, TUTTI_VERSION));
  return 0;
}

}  // namespace

int sim_main(std::vector<std::string> arguments) {
  const auto line = parse_sim(std::move(arguments));
  if (!line.ok()) return fail(line.status(), 2);
  if (line->help.empty()) return run(line->options);
  fmt::print("{}", line->help);
  return 0;
}

}  // namespace tutti::cli
