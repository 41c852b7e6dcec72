#include "cli/plan_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/plan_measure.h"
#include "tutti/topology.h"

namespace tutti::cli {
namespace {

namespace fs = std::filesystem;

Status wrong(const std::string& option, const std::string& text, const std::string& what) {
  return {Code::kInvalidArgument, fmt::format("{} {}: {}", option, text, what)};
}

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".json") || name.ends_with(".xml");
}

bool has_gpu(const std::vector<PciDevice>& devices) {
  return std::any_of(devices.begin(), devices.end(), [](const PciDevice& device) {
    return device.gpu.has_value() || has_gpu(device.devices);
  });
}

bool has_gpu(const Topology& topology) {
  for (const TopologyHost& host : topology.hosts) {
    for (const Cpu& cpu : host.cpus) {
      if (has_gpu(cpu.devices)) return true;
    }
  }
  return false;
}

// How much of a core a rank has.
double core_share(const planner::MachineShape& machine, int devices) {
  return std::min(1.0, static_cast<double>(machine.cores) / devices);
}

// Ranks on processors share what these have: with twice the ranks each is half as much, of what a
// core has where there are more of them.
void share(planner::MachineShape& machine, int devices) {
  const double each = static_cast<double>(machine.devices) / devices;
  for (double* const figure : {&machine.memory, &machine.cache, &machine.between.bandwidth}) {
    *figure *= each;
  }
  const double slower = core_share(machine, devices) / core_share(machine, machine.devices);
  for (double* const figure :
       {&machine.memory_bandwidth, &machine.cache_bandwidth, &machine.peak_bf16, &machine.peak_fp32,
        &machine.inside.bandwidth, &machine.idle_watts, &machine.busy_watts}) {
    *figure *= slower;
  }
  machine.devices = devices;
}

// With what an earlier --measure found.
void calibrate(planner::MachineShape& machine, planner::Precision precision) {
  const double peak = kept_peak(precision);
  if (peak <= 0) return;
  const bool is_short = precision == planner::Precision::kBf16;
  (is_short ? machine.peak_bf16 : machine.peak_fp32) = peak * core_share(machine, machine.devices);
  machine.name += ", calibrated";
}

Result<planner::MachineShape> machine_from(const Result<TopologyReport>& report,
                                           const PlanOptions& options) {
  const std::string& name = options.machine;
  if (!report.ok()) return wrong("--machine", name, report.status().message());
  auto machine = planner::machine_of(report->topology);
  if (!machine.ok()) return wrong("--machine", name, machine.status().message());
  machine->name = name == "this" ? "this machine" : fs::path(name).stem().string();
  if (has_gpu(report->topology)) return machine;
  if (options.gpus > 0) share(*machine, options.gpus);
  if (name == "this") calibrate(*machine, options.job.precision);
  return machine;
}

Result<planner::MachineShape> machine_named(const PlanOptions& asked) {
  const std::string& name = asked.machine;
  if (name == "this") {
    const auto options = Options::from_environment();
    if (!options.ok()) return options.status();
    return machine_from(detect_topology(*options), asked);
  }
  if (is_path(name) || fs::exists(name)) return machine_from(read_topology_file(name), asked);
  const auto preset = planner::machine_preset(name);
  if (preset.ok()) return preset;
  return wrong("--machine", name,
               preset.status().message() + ", this, or a file of tutti topo --xml");
}

}  // namespace

Result<planner::ModelShape> plan_model(const std::string& name) {
  std::error_code ignored;
  if (!is_path(name) && !fs::exists(name, ignored)) {
    const auto preset = planner::model_preset(name);
    if (preset.ok()) return preset;
    return wrong("--model", name,
                 preset.status().message() + ", a config.json, or a folder with one");
  }
  fs::path file = name;
  if (fs::is_directory(file, ignored)) file /= "config.json";
  std::ostringstream text;
  if (!(text << std::ifstream(file).rdbuf())) {
    return wrong("--model", name, "expected a config.json that can be read, or a folder with one");
  }
  return planner::parse_model(text.str(), file.string());
}

Result<planner::MachineShape> plan_machine(const PlanOptions& options) {
  auto machine = machine_named(options);
  if (!machine.ok()) return machine;
  if (options.nodes > 0) machine->nodes = options.nodes;
  if (options.gpus > 0) machine->devices = options.gpus;
  return planner::with_figures(*machine, options.figures);
}

}  // namespace tutti::cli
