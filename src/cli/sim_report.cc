// Tested by cli_sim_test.cc.

#include "cli/sim_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tutti::cli {
namespace {

using Json = nlohmann::ordered_json;  // keys in the order written

// Three digits, or as many as stand before the point.
std::string figure(double value) {
  if (value == 0) return "-";
  if (value < 0.1) return fmt::format("{:.4f}", value);
  if (value < 10) return fmt::format("{:.2f}", value);
  if (value < 1000) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

std::string percent(double share) {
  return share < 0.01 ? fmt::format("{:.2f} %", 100 * share) : fmt::format("{:.0f} %", 100 * share);
}

std::string busiest(const Simulation& simulation) {
  constexpr std::size_t kMost = 2;
  std::string text;
  for (std::size_t i = 0; i < std::min(kMost, simulation.busiest.size()); ++i) {
    const LinkUse& use = simulation.busiest[i];
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", use.name, percent(use.utilisation));
  }
  return text.empty() ? "-" : text;
}

std::string_view model_name(SimulationModel model) {
  return model == SimulationModel::kFlows ? "flows" : "messages";
}

Json json_of(const SimRow& row) {
  Json document = {{"algorithm", row.algorithm}, {"bytes", row.bytes}};
  if (!row.simulation) {
    document["reason"] = row.reason;
    return document;
  }
  const Simulation& s = *row.simulation;
  Json links = Json::array();
  for (const LinkUse& use : s.busiest) {
    links.push_back({{"name", use.name}, {"utilisation", use.utilisation}});
  }
  document.update({{"time_us", s.seconds * 1e6},
                   {"algbw", s.algbw},
                   {"busbw", s.busbw},
                   {"links", links},
                   {"tile_bytes", s.tile_bytes},
                   {"lanes", s.lanes},
                   {"blocks", s.blocks},
                   {"simulated_blocks", s.simulated_blocks},
                   {"simulated_ranks", s.simulated_ranks},
                   {"wall_s", s.wall_seconds}});
  return document;
}

Json json_of(const ScheduleSummary& s) {
  return {{"name", s.name},
          {"collective", name(s.collective)},
          {"ranks", s.ranks},
          {"chunks", s.chunks},
          {"in_place", s.in_place},
          {"needs_mapped", s.needs_mapped},
          {"steps", s.steps},
          {"chunks_sent", s.chunks_sent},
          {"chunks_reduced", s.chunks_reduced},
          {"scratch_chunks", s.scratch_chunks}};
}

}  // namespace

std::string sim_titles(const SimOptions& options, const std::string& cluster) {
  const SimulationRequest& request = options.request;
  std::string text = fmt::format("# {}\n", cluster);
  if (request.schedule_file.empty()) {
    text += fmt::format("# {}, {}, model: {}\n", name(request.collective), name(request.type),
                        model_name(request.model));
  } else {
    text += fmt::format("# {}, model: {}\n", name(request.type), model_name(request.model));
  }
  text += fmt::format("#{:>13}  {:<26}  {:>11}  {:>7}  {:>7}  {:>8}  {}\n", "size", "algorithm",
                      "time", "algbw", "busbw", "run", "busiest links");
  text += fmt::format("#{:>13}  {:<26}  {:>11}  {:>7}  {:>7}  {:>8}\n", "(B)", "", "(us)", "(GB/s)",
                      "(GB/s)", "(s)");
  return text;
}

std::string sim_line(const SimRow& row) {
  const std::string head = fmt::format("{:>14}  {:<26}", row.bytes, row.algorithm);
  if (!row.simulation) return fmt::format("{}  {}\n", head, row.reason);
  const Simulation& s = *row.simulation;
  return fmt::format("{}  {:>11}  {:>7}  {:>7}  {:>8.3f}  {}\n", head, figure(s.seconds * 1e6),
                     figure(s.algbw), figure(s.busbw), s.wall_seconds, busiest(s));
}

std::string sim_proof(const std::string& file, const ScheduleSummary& s) {
  return fmt::format(
      "{}: {}, {} of {} ranks in {} chunks: proved right{}\n"
      "  messages in the longest chain: {}; a rank sends at most {} chunks, reduces {}; scratch "
      "chunks: {}{}\n",
      file, s.name, name(s.collective), s.ranks, s.chunks, s.in_place ? ", in place too" : "",
      s.steps, s.chunks_sent, s.chunks_reduced, s.scratch_chunks,
      s.needs_mapped ? "; reads memory of peers" : "");
}

std::string sim_json(const SimOptions& options, const std::optional<ModelCluster>& cluster,
                     const std::optional<ScheduleSummary>& summary, const std::vector<SimRow>& rows,
                     const std::string& version) {
  Json document = {{"tutti", version}};
  if (cluster) {
    document["cluster"] = {
        {"text", cluster->to_text()}, {"ranks", cluster->ranks()}, {"hosts", cluster->hosts()}};
  }
  if (summary) document["schedule"] = json_of(*summary);
  const Collective collective = summary ? summary->collective : options.request.collective;
  document["settings"] = {{"collective", name(collective)},
                          {"type", name(options.request.type)},
                          {"model", model_name(options.request.model)}};
  document["results"] = Json::array();
  for (const SimRow& row : rows) document["results"].push_back(json_of(row));
  return document.dump(2) + "\n";
}

}  // namespace tutti::cli
