// Tested by cli_command_test.py.

#include "cli/doctor.h"

#include <fmt/format.h>

#include "cli/doctor_findings.h"
#include "cli/doctor_host.h"
#include "cli/doctor_tour.h"
#include "cli/launcher.h"

namespace tutti::cli {
namespace {

using namespace doctor;

constexpr const char* kHelp =
    "Usage: tutti doctor\n"
    "       mpirun … tutti doctor\n\n"
    "Looks for what makes collectives slow or fail: on this host; under a launcher on the hosts "
    "of\n"
    "all ranks, and on the way between them. Settings are those of the library (TUTTI_…).\n\n"
    "Every finding says what it costs and what to do. Exit status: 0 all is well, 1 something "
    "fails\n"
    "or costs performance.\n";

// Prints on one rank, which also says how the command ends: launchers kill what still runs, and may
// lose what it printed, when any rank ends badly.
int conclude(const Launcher& launcher, const std::string& text, Severity worst) {
  if (launcher.rank != 0) return 0;
  fmt::print("tutti doctor {}\n\n{}\n{}", TUTTI_VERSION, text, verdict(worst));
  return exit_status(worst);
}

int conclude(const Launcher& launcher, const std::vector<Finding>& findings) {
  return conclude(launcher, render(findings), worst(findings));
}

std::string titled(const HostReport& report) { return report.host + "\n" + report.text; }

Finding failed_start(const Status& status) {
  return {Severity::kFails, fmt::format("the ranks cannot start: {}", status.message()),
          "no communicator", "docs/hosts.md says what each failure looks like"};
}

int examine_alone(const Launcher& launcher, const Options& options) {
  const HostReport report = examine_host(options);
  return conclude(launcher, titled(report), report.worst);
}

int examine_together(const Launcher& launcher, const Options& options) {
  auto communicator = Communicator::from_environment(options);
  if (!communicator.ok()) {
    const HostReport here = examine_host(options);
    return conclude(launcher,
                    titled(here) + "\nstart\n" + render({failed_start(communicator.status())}),
                    Severity::kFails);
  }
  const auto tour = make_tour(*communicator, options);
  if (tour.ok()) return conclude(launcher, tour->text, tour->worst);
  return conclude(launcher,
                  {{Severity::kFails, tour.status().message(), "the ranks lost each other",
                    "docs/failures.md says what the sentence means"}});
}

}  // namespace

int doctor_main(std::vector<std::string> arguments) {
  const Launcher launcher = find_launcher();
  if (!arguments.empty()) {
    const bool is_help = arguments[0] == "--help" || arguments[0] == "-h";
    if (launcher.rank != 0) return is_help ? 0 : 2;
    if (is_help) fmt::print("{}", kHelp);
    if (!is_help) fmt::print(stderr, "tutti doctor: {}: no such option\n", arguments[0]);
    return is_help ? 0 : 2;
  }
  const auto options = Options::from_environment();
  if (!options.ok()) {
    return conclude(launcher, {{Severity::kFails, options.status().message(),
                                "every program that uses the library stops with this",
                                "correct or unset the variable"}});
  }
  if (launcher.kind == LauncherKind::kNone) return examine_alone(launcher, *options);
  return examine_together(launcher, *options);
}

}  // namespace tutti::cli
