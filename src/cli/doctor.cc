// Tested by cli_command_test.py.

#include "cli/doctor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cli/doctor_firewall.h"
#include "cli/doctor_host.h"
#include "cli/doctor_tour.h"
#include "cli/doctor_ucx_settings.h"
#include "cli/launcher.h"

namespace tutti::cli {
namespace {

using namespace doctor;

// A way that does not work is found out before people give up on it.
constexpr std::chrono::seconds kPatience(30);

constexpr const char* kHelp =
    "Usage: tutti doctor [--json]\n"
    "       mpirun … tutti doctor [--json]\n\n"
    "Looks for what makes collectives slow or fail: on this host; under a launcher on the hosts "
    "of\n"
    "all ranks, and on the ways between them. Settings are those of the library (TUTTI_…).\n\n"
    "Every finding says what it costs and what to do:\n"
    "  good   as it should be\n"
    "  note   worth knowing; nothing is wrong\n"
    "  slow   works, slower than it could\n"
    "  FAILS  does not work\n\n"
    "  --json  print the findings as JSON, where slow is \"costs\"\n\n"
    "Exit status: 0 all is well, 1 something fails or is slow, 2 a wrong line. docs/doctor.md "
    "explains\n"
    "every check.\n";

struct Doctor {
  Launcher launcher;
  bool prints_json = false;

  // Prints on one rank, which also says how the command ends: launchers kill what still runs, and
  // may lose what it printed, when any rank ends badly.
  int conclude(const Report& report) const {
    if (launcher.rank != 0) return 0;
    if (prints_json) {
      fmt::print("{}", to_json(report, TUTTI_VERSION));
    } else {
      fmt::print("tutti doctor {}\n\n{}{}", TUTTI_VERSION, render(report), verdict(worst(report)));
    }
    return exit_status(worst(report));
  }

  int conclude(const std::string& title, const Finding& finding) const {
    return conclude(Report{.between = {title, "", {finding}}});
  }

  int examine_alone(const Options& options) const {
    return conclude(Report{.hosts = {examine_host(options, crew_of_one())}});
  }

  int examine_together(const Options& options) const {
    auto communicator = Communicator::from_environment(options);
    if (!communicator.ok()) {
      return conclude_failed(options, {}, failed_start(communicator.status(), ports()));
    }
    Tour tour = make_tour(*communicator, options);
    if (tour.status.ok()) return conclude(tour.report);
    if (launcher.rank != 0) {
      fmt::print(stderr, "tutti doctor: rank {}: {}\n", launcher.rank, tour.status.message());
    }
    return conclude_failed(options, std::move(tour.report), failed_call(tour.status, ports()));
  }

  // Of hosts, at least of this one.
  int conclude_failed(const Options& options, Report report, const Finding& failure) const {
    if (launcher.rank != 0) return 0;
    if (report.hosts.empty()) report = {.hosts = {examine_host(options, crew_of_one())}};
    report.between.title = "between hosts";
    report.between.findings.push_back(failure);
    return conclude(report);
  }

  static std::string ports() {
    return ports_of_ranks("/proc/sys", read_ucx_settings(environ)["UCX_TCP_PORT_RANGE"]);
  }
};

int refuse(const Launcher& launcher, const std::string& argument) {
  if (launcher.rank == 0) fmt::print(stderr, "tutti doctor: {}: no such option\n", argument);
  return 2;
}

bool is_help(const std::string& argument) { return argument == "--help" || argument == "-h"; }

}  // namespace

int doctor_main(std::vector<std::string> arguments) {
  Doctor doctor{find_launcher()};
  for (const std::string& argument : arguments) {
    if (is_help(argument)) {
      if (doctor.launcher.rank == 0) fmt::print("{}", kHelp);
      return 0;
    }
    if (argument != "--json") return refuse(doctor.launcher, argument);
    doctor.prints_json = true;
  }
  // UCX, loaded later, says on standard output what it has to say, unless told otherwise.
  if (doctor.prints_json) setenv("UCX_LOG_FILE", "stderr", 0);
  auto options = Options::from_environment();
  if (!options.ok()) {
    return doctor.conclude("settings", {Severity::kFails, options.status().message(),
                                        "every program that uses the library stops with this",
                                        "correct or unset the variable"});
  }
  options->call_timeout = std::min<std::chrono::milliseconds>(options->call_timeout, kPatience);
  return doctor.launcher.kind == LauncherKind::kNone ? doctor.examine_alone(*options)
                                                     : doctor.examine_together(*options);
}

}  // namespace tutti::cli
