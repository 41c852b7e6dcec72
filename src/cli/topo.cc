// Tested by cli_command_test.py.

#include "cli/topo.h"

#include <fmt/format.h>

#include "cli/launcher.h"
#include "cli/topo_json.h"
#include "cli/topo_matrix.h"
#include "cli/topo_options.h"
#include "cli/topo_picture.h"
#include "cli/topo_report.h"
#include "tutti/topology.h"
#include "tutti/tutti.h"

namespace tutti::cli {
namespace {

// Wrong lines and files are the user's; the rest is the machine's.
int exit_status(const Status& status) { return status.code() == Code::kInvalidArgument ? 2 : 1; }

// Only rank 0 says how the command ends: launchers kill what still runs when any rank ends badly.
int fail(const Launcher& launcher, const Status& status) {
  if (launcher.rank != 0) return 0;
  fmt::print(stderr, "tutti topo: {}\n", status.message());
  return exit_status(status);
}

Result<TopologyReport> look(const Launcher& launcher) {
  const auto options = Options::from_environment();
  if (!options.ok()) return options.status();
  if (launcher.kind == LauncherKind::kNone) return detect_topology(*options);
  auto communicator = Communicator::from_environment(*options);
  if (!communicator.ok()) return communicator.status();
  return communicator->topology();
}

Result<TopologyReport> copied(TopologyReport report, int hosts) {
  const std::size_t given = report.topology.hosts.size();
  if (given != 1) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--hosts {}: expected one host to copy, not {}", hosts, given));
  }
  report.topology = replicate(report.topology, hosts);
  return report;
}

Result<TopologyReport> read_file(const std::string& path) {
  auto report = read_topology_file(path);
  if (report.ok()) return report;
  return Status(Code::kInvalidArgument, report.status().message());  // also where there is none
}

Result<TopologyReport> machine(const TopoOptions& options, const Launcher& launcher) {
  auto report = options.from.empty() ? look(launcher) : read_file(options.from);
  if (!report.ok() || options.hosts == 0) return report;
  return copied(std::move(*report), options.hosts);
}

Status check_matrix(const Topology& topology, const TopoOptions& options) {
  const std::size_t places = count_places(topology);
  if (options.matrix != MatrixSize::kAll || places <= kMostPlaces) return {};
  return {Code::kInvalidArgument,
          fmt::format("--matrix all: expected at most {} GPUs, processors and ports; here are {}",
                      kMostPlaces, places)};
}

Status write_xml(const Topology& topology, const TopoOptions& options) {
  const std::string xml = to_xml(topology);
  if (!options.xml_file.empty()) return write_file("--xml", options.xml_file, xml);
  fmt::print("{}", xml);
  return {};
}

Status show(const TopologyReport& report, const TopoOptions& options) {
  if (Status status = check_matrix(report.topology, options); !status.ok()) return status;
  if (!options.draw_file.empty()) {
    if (Status status = draw_topology(report.topology, options); !status.ok()) return status;
  }
  if (options.writes_xml) {
    if (Status status = write_xml(report.topology, options); !status.ok()) return status;
  }
  if (options.json) fmt::print("{}\n", topo_json(report, options.matrix));
  if (options.shows_text()) fmt::print("{}", topo_text(report, options.matrix));
  return {};
}

}  // namespace

int topo_main(std::vector<std::string> arguments) {
  const Launcher launcher = find_launcher();
  const auto request = parse_topo(std::move(arguments));
  if (!request.ok()) return fail(launcher, request.status());
  const bool is_shared = request->options.from.empty() && request->help.empty();
  if (launcher.rank != 0 && !is_shared) return 0;
  if (!request->help.empty()) {
    fmt::print("{}", request->help);
    return 0;
  }
  const auto report = machine(request->options, launcher);
  if (!report.ok()) return fail(launcher, report.status());
  if (launcher.rank != 0) return 0;
  const Status status = show(*report, request->options);
  return status.ok() ? 0 : fail(launcher, status);
}

}  // namespace tutti::cli
