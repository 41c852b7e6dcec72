// Checks of what else takes the processors' time: other programs, and other virtual machines.
// Tested by cli_doctor_processors_test.cc.

#pragma once

#include <filesystem>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

/// Seconds of all processors together, since the machine started.
struct ProcessorTimes {
  double busy = 0;
  double idle = 0;
  double stolen = 0;  // wanted, and given to another virtual machine

  bool operator==(const ProcessorTimes&) const = default;
};

/// All 0 where the system does not say. `proc` is /proc.
ProcessorTimes read_processor_times(const std::filesystem::path& proc);

/// Times between two readings, and of all of them the busy ones of this process.
struct Load {
  ProcessorTimes before;
  ProcessorTimes after;
  double own_s = 0;
};

/// Sleeps for a quarter of a second. Ranks of the machine that are to count as programs of others
/// must sleep too.
Load watch_load(const std::filesystem::path& proc);

Findings check_load(const Load& load, int processors, int ranks_on_machine);

/// Of the time since the machine started.
Findings check_steal(const ProcessorTimes& times);

}  // namespace tutti::cli::doctor
