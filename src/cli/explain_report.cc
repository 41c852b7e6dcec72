#include "cli/explain_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/sizes.h"
#include "cli/table.h"

namespace tutti::cli {
namespace {

std::string time_text(double seconds) {
  return std::isfinite(seconds) ? format_time(seconds * 1e6) : "?";
}

std::string shape_text(const AskedCall& call) {
  const std::size_t hosts =
      call.host_of.empty()
          ? 0
          : static_cast<std::size_t>(*std::max_element(call.host_of.begin(), call.host_of.end())) +
                1;
  std::string text =
      fmt::format("{} ranks on {} host{}", call.host_of.size(), hosts, hosts == 1 ? "" : "s");
  if (call.cores > 0) text += fmt::format(" of {} cores", call.cores);
  return text;
}

std::string way_text(const CallCandidate& candidate) {
  if (candidate.inlined) return "in signals";
  return fmt::format("tile {}, lanes {}", short_bytes(candidate.tile_bytes), candidate.lanes);
}

// Why a candidate that can run the call does not.
std::string verdict(const ExplainedCall& call, std::size_t i) {
  if (i == 0) return "runs";
  if (!std::isfinite(call.candidates[i].candidate.seconds)) return "too large to be predicted";
  const bool lost_by_hosts =
      call.candidates[i].candidate.crowds && !call.candidates[0].candidate.crowds;
  const double ratio = call.candidates[i].candidate.seconds / call.candidates[0].candidate.seconds;
  return fmt::format("{:.2f} times the time{}", ratio,
                     lost_by_hosts ? ", talks to many hosts" : "");
}

std::string line(const ExplainedCall& call, std::size_t i) {
  const ExplainedCandidate& entry = call.candidates[i];
  const CallCandidate& candidate = entry.candidate;
  if (!candidate.objection.empty()) {
    return fmt::format("    {:<28} {:>10} {:>10}  {}\n", candidate.algorithm, "-", "-",
                       candidate.objection);
  }
  return fmt::format("  {} {:<28} {:>10} {:>10}  {:<22} {}\n", i == 0 ? "*" : " ",
                     candidate.algorithm, time_text(candidate.seconds),
                     entry.measured ? time_text(*entry.measured) : "-", way_text(candidate),
                     verdict(call, i));
}

nlohmann::json to_json(const ExplainedCandidate& entry) {
  const CallCandidate& candidate = entry.candidate;
  nlohmann::json json = {{"algorithm", candidate.algorithm}};
  if (!candidate.objection.empty()) {
    json["objection"] = candidate.objection;
    return json;
  }
  if (std::isfinite(candidate.seconds)) json["predicted_us"] = candidate.seconds * 1e6;
  json["tile_bytes"] = candidate.tile_bytes;
  json["lanes"] = candidate.lanes;
  json["inlined"] = candidate.inlined;
  if (entry.measured) json["measured_us"] = *entry.measured * 1e6;
  return json;
}

}  // namespace

std::string explain_text(const std::vector<ExplainedCall>& calls, bool guess) {
  std::string text;
  if (guess) {
    text +=
        "No calibration of this machine: times are a first guess. `tutti tune` measures it.\n\n";
  }
  for (const ExplainedCall& call : calls) {
    text +=
        fmt::format("{} of {}, {}{}, {}\n", name(call.call.collective),
                    short_bytes(call.call.bytes), name(call.call.type),
                    call.call.allocated ? ", buffers from allocate()" : "", shape_text(call.call));
    text +=
        fmt::format("    {:<28} {:>10} {:>10}  {}\n", "algorithm", "predicted", "measured", "(us)");
    for (std::size_t i = 0; i < call.candidates.size(); ++i) text += line(call, i);
    text += "\n";
  }
  return text;
}

std::string explain_json(const std::vector<ExplainedCall>& calls, bool guess) {
  nlohmann::json document = {{"calibrated", !guess}, {"calls", nlohmann::json::array()}};
  for (const ExplainedCall& call : calls) {
    nlohmann::json json = {{"collective", name(call.call.collective)},
                           {"bytes", call.call.bytes},
                           {"type", name(call.call.type)},
                           {"allocated", call.call.allocated},
                           {"host_of", call.call.host_of},
                           {"cores", call.call.cores},
                           {"candidates", nlohmann::json::array()}};
    for (const ExplainedCandidate& entry : call.candidates) {
      json["candidates"].push_back(to_json(entry));
    }
    document["calls"].push_back(std::move(json));
  }
  return document.dump(2) + "\n";
}

}  // namespace tutti::cli
