#include "studio/trace_json.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace tutti {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMicro = 1e6;  // the format counts microseconds

Json name_of_track(const char* what, int host, int rank, const std::string& name) {
  return {{"name", what}, {"ph", "M"}, {"pid", host}, {"tid", rank}, {"args", {{"name", name}}}};
}

// Zero-length slices are not shown by either viewer, and can hold no arrow.
double length(double begin, double end) { return std::max((end - begin) * kMicro, 1e-3); }

Json slice(const Machine& machine, const Cast& cast, const Act& act) {
  return {{"name", words_for(cast, act)},
          {"cat", std::string(name(act.kind))},
          {"ph", "X"},
          {"ts", act.begin * kMicro},
          {"dur", length(act.begin, act.end)},
          {"pid", machine.host(act.rank)},
          {"tid", act.rank},
          {"args", {{"block", act.block}}}};
}

Json arrow_end(const Machine& machine, const SentMessage& message, std::size_t id, bool is_start) {
  const int rank = is_start ? message.from : message.to;
  Json end = {{"name", "message"},
              {"cat", "message"},
              {"ph", is_start ? "s" : "f"},
              {"id", id},
              {"ts", (is_start ? message.begin : message.end) * kMicro},
              {"pid", machine.host(rank)},
              {"tid", rank},
              {"args", {{"bytes", message.bytes}}}};
  if (!is_start) end["bp"] = "e";
  return end;
}

}  // namespace

std::string trace_json(const std::string& title, const Machine& machine, const Cast& cast,
                       const Recorder& recorder) {
  Json events = Json::array();
  for (int rank = 0; rank < recorder.ranks(); ++rank) {
    const int host = machine.host(rank);
    events.push_back(name_of_track("process_name", host, rank, "host " + std::to_string(host)));
    events.push_back(name_of_track("thread_name", host, rank, "rank " + std::to_string(rank)));
  }
  for (const Act& act : recorder.acts()) events.push_back(slice(machine, cast, act));
  std::size_t id = 0;
  for (const SentMessage& message : recorder.messages()) {
    events.push_back(arrow_end(machine, message, id, /*is_start=*/true));
    events.push_back(arrow_end(machine, message, id++, /*is_start=*/false));
  }
  Json other = {{"call", title}};
  if (recorder.ranks() < machine.ranks) {
    other["ranks shown"] =
        std::to_string(recorder.ranks()) + " of " + std::to_string(machine.ranks);
  }
  if (recorder.complete_until() < kNever) {
    other["complete until (us)"] = recorder.complete_until() * kMicro;
  }
  return Json{{"displayTimeUnit", "ns"}, {"otherData", other}, {"traceEvents", events}}.dump() +
         "\n";
}

}  // namespace tutti
