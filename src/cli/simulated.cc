#include "cli/simulated.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/shape.h"
#include "cli/sizes.h"

namespace tutti::cli {
namespace {

constexpr Collective kShown[] = {Collective::kAllReduce, Collective::kAllGather,
                                 Collective::kReduceScatter, Collective::kAllToAll,
                                 Collective::kBroadcast};
constexpr std::size_t kSizes[] = {std::size_t{8} << 10, std::size_t{1} << 20,
                                  std::size_t{64} << 20};

std::string cell(const ModelCluster& cluster, Collective collective, std::size_t bytes) {
  const auto all = simulated_candidates(cluster, collective, bytes, DataType::kFloat32);
  if (all.empty() || !all.front().objection.empty()) return "-";
  const Problem problem{
      collective,      DataType::kFloat32,
      Reduction::kSum, 0,
      cluster.ranks(), count_for(collective, DataType::kFloat32, cluster.ranks(), bytes)};
  return fmt::format("{} {:.1f}", all.front().algorithm, busbw(problem, all.front().seconds * 1e6));
}

}  // namespace

std::vector<CallCandidate> simulated_candidates(const ModelCluster& cluster, Collective collective,
                                                std::size_t bytes, DataType type) {
  std::vector<CallCandidate> all;
  for (const std::string& algorithm : simulated_algorithms(cluster, collective)) {
    SimulationRequest request;
    request.collective = collective;
    request.algorithm = algorithm;
    request.bytes = bytes;
    request.type = type;
    const Result<Simulation> result = simulate(cluster, request);
    CallCandidate candidate{.algorithm = algorithm, .objection = {}};
    if (result.ok()) {
      candidate.seconds = result->seconds;
      candidate.tile_bytes = result->tile_bytes;
      candidate.lanes = result->lanes;
    } else {
      candidate.objection = result.status().message();
    }
    all.push_back(std::move(candidate));
  }
  std::stable_sort(all.begin(), all.end(), [](const CallCandidate& a, const CallCandidate& b) {
    if (a.objection.empty() != b.objection.empty()) return a.objection.empty();
    return a.objection.empty() && a.seconds < b.seconds;
  });
  return all;
}

std::string choices_text(const Topology& topology) {
  const Result<ModelCluster> cluster = ModelCluster::of(topology);
  if (!cluster.ok() || cluster->ranks() < 2) return "";
  if (cluster->ranks() > kMostSimulatedRanks) {
    return fmt::format("What would be chosen: {} ranks are too many for a table; see tutti sim.\n",
                       cluster->ranks());
  }
  std::string text = fmt::format(
      "What would be chosen there (simulated: the fastest algorithm, its bus bandwidth in GB/s)\n"
      "{:>16}",
      "");
  for (const std::size_t bytes : kSizes) text += fmt::format("  {:<28}", short_bytes(bytes));
  text.erase(text.find_last_not_of(' ') + 1);
  text += "\n";
  for (const Collective collective : kShown) {
    std::string line = fmt::format("  {:<14}", name(collective));
    for (const std::size_t bytes : kSizes) {
      line += fmt::format("  {:<28}", cell(*cluster, collective, bytes));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace tutti::cli
