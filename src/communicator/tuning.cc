// Tested by tuning_test.cc.

#include "tutti/tuning.h"

#include <algorithm>
#include <optional>

#include "communicator/files.h"
#include "executor/window.h"
#include "tuner/choose.h"
#include "tuner/fit.h"
#include "tuner/touched.h"

namespace tutti {
namespace {

Result<Model> model_of(const Calibration& calibration) {
  if (calibration.text.empty()) return default_model();
  return parse_model(calibration.text);
}

Status check(const AskedCall& call) {
  if (call.host_of.empty())
    return {Code::kInvalidArgument, "host_of: expected a host for each rank"};
  if (call.collective == Collective::kSendRecv && call.host_of.size() != 2) {
    return {Code::kInvalidArgument, "host_of: expected 2 ranks for send_recv"};
  }
  if (call.cores < 0) {
    return {Code::kInvalidArgument,
            "cores: " + std::to_string(call.cores) + ": expected 0 or more"};
  }
  return {};
}

Surroundings surroundings_of(const AskedCall& call, const Model& model, const Options& options) {
  const Group group = Group::on_hosts(call.host_of);
  const WindowLayout layout(group.ranks, options.scratch_bytes, /*heap_bytes=*/0);
  return {.group = group,
          .model = model,
          .cores = call.cores,
          .room = {layout.scratch_bytes, layout.line_bytes / kLineBytes}};
}

Question question_of(const AskedCall& call, const Group& group, const Options& options) {
  const bool one_host = group.host_count() == 1;
  return {.collective = call.collective,
          .type = call.type,
          .bytes = call.bytes,
          .mapped = call.allocated && one_host,
          .reachable = one_host,
          .in_place = call.in_place && call.collective == Collective::kAllToAll,
          .reproducible = options.reproducible,
          .forced = {}};
}

CallCandidate shown(const Candidate& candidate) {
  return {.algorithm = std::string(candidate.way.algorithm->name),
          .seconds = candidate.seconds,
          .tile_bytes = candidate.way.tile_bytes,
          .lanes = candidate.way.lanes,
          .inlined = candidate.way.flavor == Flavor::kInline,
          .crowds = candidate.crowds,
          .objection = candidate.objection};
}

Result<Point> point_of(const Measurement& measured, const Model& model, const Options& options) {
  if (Status status = check(measured.call); !status.ok()) return status;
  Point point{.surroundings = surroundings_of(measured.call, model, options),
              .way = {},
              .bytes = measured.call.bytes,
              .seconds = measured.seconds};
  const Algorithm* algorithm = find_algorithm(measured.call.collective, measured.algorithm);
  if (algorithm == nullptr || !allows(*algorithm, point.surroundings.group)) {
    return Status(Code::kInvalidArgument,
                  "algorithm: \"" + measured.algorithm + "\": expected one of " +
                      std::string(name(measured.call.collective)) + " for such ranks");
  }
  const bool mapped = measured.call.allocated && point.surroundings.group.host_count() == 1;
  point.way = {algorithm,
               mapped             ? Flavor::kMapped
               : measured.inlined ? Flavor::kInline
                                  : Flavor::kStaged,
               measured.tile_bytes, measured.lanes,
               streams(question_of(measured.call, point.surroundings.group, options))};
  if (!Predictor(point.surroundings).fits(point.way, point.bytes)) {
    return Status(Code::kInvalidArgument, "tile_bytes and lanes: expected what fits scratch_bytes");
  }
  return point;
}

// Bytes per second of the calls of ranks on several hosts that were the fastest for their size; 0:
// there were none.
double fastest_between_hosts(std::span<const Measurement> measurements) {
  double fastest = 0;
  for (const Measurement& measured : measurements) {
    const std::vector<int>& hosts = measured.call.host_of;
    if (*std::max_element(hosts.begin(), hosts.end()) == 0) continue;
    fastest = std::max(fastest, static_cast<double>(measured.call.bytes) / measured.seconds);
  }
  return fastest;
}

}  // namespace

Result<std::vector<CallCandidate>> candidates(const AskedCall& call, const Calibration& calibration,
                                              const Options& options) {
  if (Status status = check(call); !status.ok()) return status;
  Result<Model> model = model_of(calibration);
  if (!model.ok()) return model.status();
  Chooser chooser(surroundings_of(call, *model, options), {});
  std::vector<CallCandidate> all;
  for (const Candidate& candidate :
       chooser.candidates(question_of(call, chooser.group(), options))) {
    all.push_back(shown(candidate));
  }
  return all;
}

Result<double> window_bytes(std::span<const AskedCall> calls, const Calibration& calibration,
                            const Options& options) {
  Result<Model> model = model_of(calibration);
  if (!model.ok()) return model.status();
  std::optional<Touched> touched;
  for (const AskedCall& call : calls) {
    if (Status status = check(call); !status.ok()) return status;
    const Surroundings surroundings = surroundings_of(call, *model, options);
    if (surroundings.group.host_count() > 1 || call.host_of.size() != calls[0].host_of.size()) {
      return Status(Code::kInvalidArgument,
                    "host_of: expected the same ranks in all calls, of one host");
    }
    if (!touched) touched.emplace(surroundings);
    touched->add(question_of(call, surroundings.group, options));
  }
  return touched ? touched->bytes() : 0.0;
}

Result<double> predict(const Measurement& measured, const Calibration& calibration,
                       const Options& options) {
  Result<Model> model = model_of(calibration);
  if (!model.ok()) return model.status();
  Result<Point> point = point_of(measured, *model, options);
  if (!point.ok()) return point.status();
  return Predictor(point->surroundings).seconds(point->way, point->bytes);
}

Result<CalibrationFit> fit_calibration(std::span<const Measurement> measurements,
                                       const Calibration& start, const Options& options) {
  Result<Model> model = model_of(start);
  if (!model.ok()) return model.status();
  std::vector<Point> points;
  for (const Measurement& measured : measurements) {
    if (!(measured.seconds > 0)) {
      return Status(Code::kInvalidArgument,
                    "seconds: " + std::to_string(measured.seconds) + ": expected more than 0");
    }
    Result<Point> point = point_of(measured, *model, options);
    if (!point.ok()) return point.status();
    points.push_back(std::move(*point));
  }
  Fit found = fit(points, *model);
  // Whether wires between hosts are what limits is seen by trying.
  Model wired = *model;
  wired.host_port = fastest_between_hosts(measurements);
  if (wired.host_port > 0) {
    Fit other = fit(points, wired);
    if (other.badness < found.badness) found = std::move(other);
  }
  return CalibrationFit{{to_text(found.model)}, std::move(found.ratios)};
}

}  // namespace tutti
