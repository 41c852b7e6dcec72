// Tested by cli_doctor_processors_test.cc.

#include "cli/doctor_processors.h"

#include <fmt/format.h>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

std::map<int, int> read_nodes(const fs::path& sys) {
  std::map<int, int> nodes;
  for (const fs::path& folder : entries(sys / "devices/system/node")) {
    const std::string name = folder.filename().string();
    const std::vector<int> number = parse_list(name.starts_with("node") ? name.substr(4) : "");
    if (number.size() != 1) continue;
    for (const int processor : parse_list(first_line(folder / "cpulist"))) {
      nodes[processor] = number[0];
    }
  }
  return nodes;
}

std::map<int, int> read_cores(const fs::path& cpus, const std::vector<int>& online) {
  std::map<int, int> cores;
  for (const int processor : online) {
    const fs::path list = cpus / fmt::format("cpu{}", processor) / "topology/thread_siblings_list";
    const std::vector<int> threads = parse_list(first_line(list));
    cores[processor] = threads.empty() ? processor : threads[0];
  }
  return cores;
}

// Drivers whose governor "powersave" means that the hardware chooses, by a preference.
bool hardware_chooses(const Processors& processors) {
  return processors.driver == "intel_pstate" || processors.driver == "amd-pstate-epp";
}

bool is_slow(const Processors& processors) {
  if (hardware_chooses(processors)) {
    return processors.governor == "powersave" && processors.preference == "power";
  }
  return processors.governor == "powersave";
}

}  // namespace

int Processors::core_of(int processor) const {
  const auto found = cores.find(processor);
  return found == cores.end() ? processor : found->second;
}

int Processors::node_of(int processor) const {
  const auto found = nodes.find(processor);
  return found == nodes.end() ? 0 : found->second;
}

Processors read_processors(const fs::path& sys) {
  const fs::path cpus = sys / "devices/system/cpu";
  const fs::path frequency = cpus / "cpufreq/policy0";
  Processors processors;
  processors.online = parse_list(first_line(cpus / "online"));
  processors.cores = read_cores(cpus, processors.online);
  processors.nodes = read_nodes(sys);
  processors.driver = first_line(frequency / "scaling_driver");
  processors.governor = first_line(frequency / "scaling_governor");
  processors.preference = first_line(frequency / "energy_performance_preference");
  return processors;
}

Findings check_governor(const Processors& processors) {
  if (processors.governor.empty()) return {};
  const std::string what =
      fmt::format("frequencies are governed by {} of {}{}", processors.governor, processors.driver,
                  processors.preference.empty() ? "" : ", preference " + processors.preference);
  if (!is_slow(processors)) return {good(what)};
  return {{Severity::kCosts, what,
           "processors run at or near their lowest frequency: small calls take longer by the ratio "
           "of frequencies",
           "cpupower frequency-set -g performance"}};
}

}  // namespace tutti::cli::doctor
