// What this host's processors are: cores and their threads, NUMA nodes, how their frequency is
// governed. Tested by cli_doctor_processors_test.cc.

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

struct Processors {
  std::vector<int> online;
  std::map<int, int> cores;     // the core of each: its lowest thread
  std::map<int, int> nodes;     // the NUMA node of each; empty where there is one
  std::string driver = {};      // of frequencies: "intel_pstate", "acpi-cpufreq"; "" none
  std::string governor = {};    // "performance", "powersave", "schedutil"
  std::string preference = {};  // of drivers that choose by themselves: "balance_performance"

  int core_of(int processor) const;
  int node_of(int processor) const;
};

/// `sys` is /sys.
Processors read_processors(const std::filesystem::path& sys);

/// How frequencies are chosen. Nothing where the system does not say, as in virtual machines.
Findings check_governor(const Processors& processors);

}  // namespace tutti::cli::doctor
