// Tested by cli_report_test.cc.

#include "cli/report_json.h"

#include <nlohmann/json.hpp>

namespace tutti::cli {
namespace {

using Json = nlohmann::ordered_json;  // keys in the order written

Json json_of(const Times& times) {
  return {{"min", times.min}, {"median", times.median}, {"max", times.max}};
}

Json json_of(const Row& row, const Outcome& outcome, bool in_place) {
  const Problem& p = row.problem;
  Json result = {{"collective", name(p.collective)},
                 {"algorithm", outcome.algorithm},
                 {"transports", outcome.transports},
                 {"ranks", p.ranks},
                 {"bytes", size_in_bytes(p)},
                 {"count", p.count},
                 {"type", name(p.type)},
                 {"op", has_reduction(p.collective) ? Json(name(p.op)) : Json()},
                 {"root", has_root(p.collective) ? Json(p.root) : Json()},
                 {"in_place", in_place},
                 {"time_us", json_of(outcome.time)},
                 {"algbw", algbw(p, outcome.time.median)},
                 {"busbw", busbw(p, outcome.time.median)},
                 {"errors", outcome.errors ? Json(*outcome.errors) : Json()}};
  if (outcome.vs) {
    result["vs"] = {{"library", outcome.vs->library},
                    {"time_us", json_of(outcome.vs->time)},
                    {"ratio", outcome.ratio()}};
  }
  return result;
}

Json json_of(const Machine& machine, const std::vector<RankPlace>& ranks) {
  Json places = Json::array();
  for (const RankPlace& place : ranks) {
    places.push_back({{"host", place.host},
                      {"host_number", place.host_number},
                      {"pid", place.pid},
                      {"cpu", place.cpu < 0 ? Json() : Json(place.cpu)}});
  }
  return {{"host", machine.host},     {"cpu", machine.cpu},
          {"cores", machine.cores},   {"memory_bytes", machine.memory_bytes},
          {"kernel", machine.kernel}, {"hosts", host_count(ranks)},
          {"ranks", places}};
}

Json json_of(const PerfOptions& options) {
  return {{"iterations", options.iterations},
          {"warmup", options.warmup},
          {"batch", options.batch},
          {"aggregate", options.aggregate},
          {"checks", options.checks},
          {"memory", name(options.memory)},
          {"threads", options.threads},
          {"over_ranks", name(options.over_ranks)},
          {"device", options.on_gpus ? "cuda" : "cpu"},
          {"cudagraph", options.graph}};
}

}  // namespace

std::string report_json(const PerfOptions& options, const Machine& machine,
                        const std::vector<RankPlace>& ranks, const std::vector<Row>& rows,
                        const std::string& version) {
  Json results = Json::array();
  for (const Row& row : rows) {
    if (row.out_of_place) results.push_back(json_of(row, *row.out_of_place, false));
    if (row.in_place) results.push_back(json_of(row, *row.in_place, true));
  }
  const Json document = {{"tutti", version},
                         {"machine", json_of(machine, ranks)},
                         {"settings", json_of(options)},
                         {"results", results}};
  return document.dump(2);
}

}  // namespace tutti::cli
