// Check of the clock, which ranks that wait read again and again. Tested by
// cli_doctor_processors_test.cc.

#pragma once

#include <filesystem>
#include <string>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

struct ClockFacts {
  std::string source = {};     // of the kernel: "tsc", "hpet"; "" it does not say
  std::string available = {};  // "tsc hpet acpi_pm"
  double read_ns = 0;          // that a reading takes
};

/// `sys` is /sys. Reads the clock for a millisecond.
ClockFacts read_clock(const std::filesystem::path& sys);

Findings check_clock(const ClockFacts& clock);

}  // namespace tutti::cli::doctor
