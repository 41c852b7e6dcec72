#include "cli/trials.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/field.h"
#include "cli/placement.h"

namespace tutti::cli {
namespace {

PerfOptions perf_options(const TrialRequest& request) {
  PerfOptions perf;
  perf.iterations = request.iterations;
  perf.warmup = 2;
  perf.checks = 0;
  perf.each_algorithm = true;
  perf.memory = request.allocated ? BufferMemory::kAllocate : BufferMemory::kPlain;
  perf.sizes.end =
      request.sizes.empty() ? 0 : *std::max_element(request.sizes.begin(), request.sizes.end());
  return perf;
}

class Trials {
 public:
  Trials(Session& session, const Options& options, const TrialRequest& request)
      : session_(session), options_(options), request_(request), perf_(perf_options(request)) {}

  using Progress = std::function<void(const std::string& what, double share)>;

  Result<std::vector<Measurement>> run(const Progress& progress) {
    auto places = place_ranks(session_, options_, /*pin=*/true);
    if (!places.ok()) return places.status();
    places_ = std::move(*places);
    std::vector<Measurement> best;
    for (int round = 0; round < request_.rounds; ++round) {
      measurements_.clear();
      for (const Collective collective : request_.collectives) {
        if (const Status status = run_collective(collective, progress); !status.ok()) return status;
      }
      keep_faster(best);
    }
    return best;
  }

 private:
  Status run_collective(Collective collective, const Progress& progress) {
    const FieldRequest request{session_, perf_, options_, nullptr, places_};
    const std::size_t lap = collective == Collective::kBarrier ? 0 : lap_bytes();
    const auto field = Field::make(request, collective, std::max(perf_.sizes.end, lap));
    if (!field.ok()) return field.status();
    if (lap > 0) {
      PerfOptions once = perf_;
      once.iterations = once.warmup = 1;
      const auto gone_round = run_size(**field, once, problem_of(collective, lap), progress);
      if (!gone_round.ok()) return gone_round.status();
    }
    for (const std::size_t bytes : request_.sizes) {
      const Problem problem = problem_of(collective, bytes);
      const auto findings = run_size(**field, perf_, problem, progress);
      if (!findings.ok()) return findings.status();
      for (const Finding& finding : *findings) note(problem, finding);
      if (collective == Collective::kBarrier) break;
    }
    return {};
  }

  // A call that goes all round each rank's scratch memory, whose pages are made when they are first
  // touched: later calls do not pay for that. Between hosts it would take longer than it saves.
  std::size_t lap_bytes() const {
    const auto hosts = session_.control().formation().host_of;
    if (*std::max_element(hosts.begin(), hosts.end()) > 0) return 0;
    return 2 * options_.scratch_bytes * static_cast<std::size_t>(session_.ranks());
  }

  Problem problem_of(Collective collective, std::size_t bytes) const {
    return {collective,       request_.type,
            Reduction::kSum,  /*root=*/0,
            session_.ranks(), count_for(collective, request_.type, session_.ranks(), bytes)};
  }

  Result<std::vector<Finding>> run_size(const Field& field, const PerfOptions& perf,
                                        const Problem& problem, const Progress& progress) {
    Tables tables({request_.type, Reduction::kSum, session_.ranks(), /*seed=*/1});
    const std::string what =
        fmt::format("{} {}", name(problem.collective), short_bytes(size_in_bytes(problem)));
    return measure(session_, perf, {problem, Placement::kOutOfPlace, field.entrants()}, tables,
                   [&](double share) { progress(what, share); });
  }

  // Every round measures the same, in the same order.
  void keep_faster(std::vector<Measurement>& best) const {
    if (best.empty()) best = measurements_;
    for (std::size_t i = 0; i < best.size(); ++i) {
      if (measurements_[i].seconds < best[i].seconds) best[i] = measurements_[i];
    }
  }

  void note(const Problem& problem, const Finding& finding) {
    if (!finding.outcome) return;  // it cannot run such calls
    const Explanation& said = finding.explanation;
    measurements_.push_back({.call = asked_on(session_.control(), problem.collective, problem.type,
                                              size_in_bytes(problem), request_.allocated),
                             .algorithm = said.algorithm,
                             .inlined = said.inlined,
                             .tile_bytes = std::max<std::size_t>(said.tile_bytes, 64),
                             .lanes = said.lanes,
                             .seconds = finding.outcome->time.median * 1e-6});
  }

  Session& session_;
  const Options& options_;
  const TrialRequest& request_;
  const PerfOptions perf_;
  std::vector<RankPlace> places_;
  std::vector<Measurement> measurements_;  // of a round
};

}  // namespace

AskedCall asked_on(const Communicator& communicator, Collective collective, DataType type,
                   std::size_t bytes, bool allocated) {
  const Formation formation = communicator.formation();
  return {.collective = collective,
          .type = type,
          .bytes = bytes,
          .host_of = formation.host_of,
          .cores = formation.cores,
          .allocated = allocated};
}

Result<std::vector<Measurement>> run_trials(
    Session& session, const Options& options, const TrialRequest& request,
    const std::function<void(const std::string& what, double share)>& progress) {
  return Trials(session, options, request).run(progress);
}

}  // namespace tutti::cli
