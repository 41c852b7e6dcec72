// All checks of one host together. Tested by cli_command_test.py.

#pragma once

#include "cli/doctor_crew.h"
#include "cli/doctor_report.h"
#include "tutti/options.h"

namespace tutti::cli::doctor {

/// Looks at this host, for the ranks that run on it. Local. Takes half a second, a quarter of which
/// every other rank of the machine should sleep.
HostReport examine_host(const Options& options, const Crew& crew);

/// The one rank that would run where this process runs.
Crew crew_of_one();

}  // namespace tutti::cli::doctor
