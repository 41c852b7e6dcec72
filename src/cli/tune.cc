// Tested by cli_command_test.py.

#include "cli/tune.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "cli/progress.h"
#include "cli/ranks.h"
#include "cli/trials.h"

namespace tutti::cli {
namespace {

struct TuneRequest {
  std::string output;  // "": where communicators look for it
  bool quick = false;
  std::string help;
};

Result<TuneRequest> parse(std::vector<std::string> arguments) {
  TuneRequest request;
  CLI::App app(
      "Measures what signals, copies and reductions cost on this machine, and between hosts under\n"
      "a launcher that starts ranks on several, and keeps it for the choices of later programs.",
      "tutti tune");
  app.add_option("-o,--output", request.output,
                 "the file; by default that of this machine, which communicators look for");
  app.add_flag("--quick", request.quick, "fewer measurements: a few seconds");
  try {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    request.help = app.help();
  } catch (const CLI::ParseError& error) {
    return Status(Code::kInvalidArgument, error.what());
  }
  return request;
}

int fail(const Status& status, int exit_status) {
  if (find_launcher().rank == 0) fmt::print(stderr, "tutti tune: {}\n", status.message());
  return exit_status;
}

// What is measured: sizes that lie apart, so that the points between them stay a test.
std::vector<TrialRequest> trials(bool quick, bool several_hosts) {
  using enum Collective;
  const std::vector<Collective> all = {kAllReduce, kAllGather, kAllToAll, kBroadcast, kBarrier};
  const std::vector<std::size_t> sizes = {8, 256, 2 << 10, 32 << 10, 256 << 10, 2 << 20, 24 << 20};
  const std::vector<std::size_t> few = {8, 2 << 10, 256 << 10, 2 << 20};
  if (quick) return {{all, few, DataType::kFloat32, false, 5, 1}};
  if (several_hosts) return {{all, sizes, DataType::kFloat32, false}};
  const std::vector<std::size_t> large = {32 << 10, 2 << 20, 24 << 20};
  return {{all, sizes, DataType::kFloat32, false},
          {{kAllReduce, kAllGather, kBroadcast}, large, DataType::kFloat32, true}};
}

Result<std::vector<Measurement>> measure_all(Session& session, const Options& options, bool quick) {
  const auto hosts = session.control().formation().host_of;
  const bool several = *std::max_element(hosts.begin(), hosts.end()) > 0;
  Progress progress(session.rank() == 0);
  std::vector<Measurement> all;
  for (const TrialRequest& request : trials(quick, several)) {
    auto some = run_trials(session, options, request, [&](const std::string& what, double share) {
      progress.show(fmt::format("{} ranks: {}", session.ranks(), what), share);
    });
    if (!some.ok()) return some.status();
    all.insert(all.end(), some->begin(), some->end());
  }
  progress.clear();
  return all;
}

// Ranks of this process, on cores of their own and sharing them.
Result<std::vector<Measurement>> measure_here(const Options& options, bool quick) {
  std::vector<Measurement> all;
  Status status;
  for (const int ranks : {2, 4}) {
    run_on_ranks("tune", ranks, options, [&](Session& session) {
      auto some = measure_all(session, options, quick);
      if (session.rank() != 0) return some.ok() ? 0 : 1;
      if (!some.ok()) status = some.status();
      if (some.ok()) all.insert(all.end(), some->begin(), some->end());
      return some.ok() ? 0 : 1;
    });
    if (!status.ok()) return status;
  }
  if (all.empty()) return Status(Code::kSystem, "the ranks could not start");
  return all;
}

int keep(const std::vector<Measurement>& measurements, const TuneRequest& request,
         const Options& options) {
  auto start = load_calibration(options);
  if (!start.ok()) return fail(start.status(), 2);
  const auto fitted = fit_calibration(measurements, *start, options);
  if (!fitted.ok()) return fail(fitted.status(), 1);
  const std::string path = request.output.empty() ? calibration_path() : request.output;
  if (const Status status = save_calibration(fitted->calibration, path); !status.ok()) {
    return fail(status, 1);
  }
  std::vector<double> misses;
  for (const double ratio : fitted->ratios) misses.push_back(std::abs(ratio - 1) * 100);
  std::sort(misses.begin(), misses.end());
  fmt::print(
      "{} measurements; the model tells them with a median error of {:.0f} %, nine in ten within "
      "{:.0f} %.\nKept in {}\n",
      misses.size(), misses[misses.size() / 2], misses[misses.size() * 9 / 10], path);
  return 0;
}

}  // namespace

int tune_main(std::vector<std::string> arguments) {
  const auto request = parse(std::move(arguments));
  if (!request.ok()) return fail(request.status(), 2);
  const Launcher launcher = find_launcher();
  if (!request->help.empty()) {
    if (launcher.rank == 0) fmt::print("{}", request->help);
    return 0;
  }
  const auto options = Options::from_environment();
  if (!options.ok()) return fail(options.status(), 2);
  if (launcher.kind == LauncherKind::kNone) {
    const auto measured = measure_here(*options, request->quick);
    if (!measured.ok()) return fail(measured.status(), 1);
    return keep(*measured, *request, *options);
  }
  return run_on_ranks("tune", 0, *options, [&](Session& session) {
    const auto measured = measure_all(session, *options, request->quick);
    if (!measured.ok()) return fail(measured.status(), 1);
    return session.rank() == 0 ? keep(*measured, *request, *options) : 0;
  });
}

}  // namespace tutti::cli
