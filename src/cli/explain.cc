// Tested by cli_explain_test.cc and cli_command_test.py.

#include "cli/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/explain_options.h"
#include "cli/explain_report.h"
#include "cli/progress.h"
#include "cli/ranks.h"
#include "cli/shape.h"
#include "cli/simulated.h"
#include "cli/trials.h"

namespace tutti::cli {
namespace {

int fail(const Status& status, int exit_status) {
  if (find_launcher().rank == 0) fmt::print(stderr, "tutti explain: {}\n", status.message());
  return exit_status;
}

AskedCall asked(const ExplainOptions& request, Collective collective, std::size_t bytes) {
  AskedCall call{.collective = collective,
                 .type = request.type,
                 .bytes = bytes,
                 .host_of = {},
                 .cores = request.cores,
                 .allocated = request.allocated};
  for (int host = 0; host < request.hosts; ++host) {
    call.host_of.insert(call.host_of.end(), static_cast<std::size_t>(request.ranks), host);
  }
  return call;
}

std::vector<int> hosts_of(const ModelCluster& cluster) {
  std::vector<int> host_of;
  for (int rank = 0; rank < cluster.ranks(); ++rank) {
    host_of.push_back(rank * cluster.hosts() / cluster.ranks());
  }
  return host_of;
}

// The candidates of one call, with what was measured of them.
Result<ExplainedCall> explained(const AskedCall& call, const Calibration& calibration,
                                const Options& options,
                                const std::vector<Measurement>& measurements) {
  auto found = candidates(call, calibration, options);
  if (!found.ok()) return found.status();
  ExplainedCall result{call, {}};
  for (CallCandidate& candidate : *found) {
    ExplainedCandidate line{std::move(candidate), std::nullopt};
    for (const Measurement& measured : measurements) {
      if (measured.call.collective != call.collective || measured.call.bytes != call.bytes ||
          measured.algorithm != line.candidate.algorithm) {
        continue;
      }
      line.measured = measured.seconds;
    }
    result.candidates.push_back(std::move(line));
  }
  return result;
}

// Sizes as they come out whole in elements for every rank.
std::vector<AskedCall> calls_of(const ExplainOptions& request, const Formation& formation) {
  std::vector<AskedCall> calls;
  const int ranks = static_cast<int>(formation.host_of.size());
  for (const Collective collective : request.collectives) {
    for (const std::size_t bytes : request.sizes) {
      AskedCall call = asked(request, collective, bytes);
      call.host_of = formation.host_of;
      call.cores = formation.cores;
      const Problem problem{collective,      request.type,
                            Reduction::kSum, 0,
                            ranks,           count_for(collective, request.type, ranks, bytes)};
      call.bytes = size_in_bytes(problem);
      calls.push_back(call);
      if (collective == Collective::kBarrier) break;
    }
  }
  return calls;
}

int report(const ExplainOptions& request, const Options& options, const Formation& formation,
           const std::vector<Measurement>& measurements) {
  const auto calibration = load_calibration(options);
  if (!calibration.ok()) return fail(calibration.status(), 2);
  std::vector<ExplainedCall> all;
  for (const AskedCall& call : calls_of(request, formation)) {
    if (call.collective == Collective::kSendRecv && call.host_of.size() != 2) continue;
    auto one = explained(call, *calibration, options, measurements);
    if (!one.ok()) return fail(one.status(), 2);
    all.push_back(std::move(*one));
  }
  const bool guess = calibration->text.empty();
  fmt::print("{}", request.json ? explain_json(all, guess) : explain_text(all, guess));
  return 0;
}

// On a machine that one is not on.
int report_simulated(const ExplainOptions& request) {
  const auto report = read_topology_file(request.topology);
  if (!report.ok()) return fail(report.status(), 2);
  auto cluster = ModelCluster::of(report->topology);
  if (cluster.ok() && request.hosts > 1) cluster = cluster->times(request.hosts);
  if (!cluster.ok()) return fail(cluster.status(), 2);
  if (cluster->ranks() > kMostSimulatedRanks) {
    return fail({Code::kInvalidArgument,
                 fmt::format("--topology with {} ranks: expected at most {}; tutti sim takes more",
                             cluster->ranks(), kMostSimulatedRanks)},
                2);
  }
  std::vector<ExplainedCall> all;
  for (const Collective collective : request.collectives) {
    for (const std::size_t bytes : request.sizes) {
      ExplainedCall call{asked(request, collective, bytes), {}};
      call.call.host_of = hosts_of(*cluster);
      for (CallCandidate& candidate :
           simulated_candidates(*cluster, collective, bytes, request.type)) {
        call.candidates.push_back({std::move(candidate), std::nullopt});
      }
      if (!call.candidates.empty()) all.push_back(std::move(call));
    }
  }
  fmt::print(
      "{}", request.json ? explain_json(all, /*guess=*/false) : explain_text(all, /*guess=*/false));
  return 0;
}

int measure_and_report(const ExplainOptions& request, const Options& options, Session& session) {
  Progress progress(session.rank() == 0);
  TrialRequest trials{request.collectives, request.sizes, request.type, request.allocated};
  trials.iterations = (request.iterations + trials.rounds - 1) / trials.rounds;
  const auto measured =
      run_trials(session, options, trials,
                 [&](const std::string& what, double share) { progress.show(what, share); });
  progress.clear();
  if (!measured.ok()) return fail(measured.status(), 1);
  if (session.rank() != 0) return 0;
  return report(request, options, session.control().formation(), *measured);
}

}  // namespace

int explain_main(std::vector<std::string> arguments) {
  const auto request = parse_explain(std::move(arguments));
  if (!request.ok()) return fail(request.status(), 2);
  const Launcher launcher = find_launcher();
  if (!request->help.empty()) {
    if (launcher.rank == 0) fmt::print("{}", request->help);
    return 0;
  }
  const auto options = Options::from_environment();
  if (!options.ok()) return fail(options.status(), 2);
  const ExplainOptions& asked_for = request->options;
  if (!asked_for.topology.empty()) {
    return launcher.rank == 0 ? report_simulated(asked_for) : 0;
  }
  if (launcher.kind == LauncherKind::kNone && !asked_for.measure) {
    const AskedCall call = asked(asked_for, Collective::kBarrier, 0);
    return report(asked_for, *options, {call.host_of, call.cores}, {});
  }
  return run_on_ranks("explain", asked_for.ranks, *options, [&](Session& session) {
    if (asked_for.measure) return measure_and_report(asked_for, *options, session);
    if (session.rank() != 0) return 0;
    return report(asked_for, *options, session.control().formation(), {});
  });
}

}  // namespace tutti::cli
