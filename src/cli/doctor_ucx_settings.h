// Checks of UCX's own settings in the environment, some of which Tutti sets itself (docs/hosts.md).
// Tested by cli_doctor_network_test.cc.

#pragma once

#include <map>
#include <string>

#include "cli/doctor_crew.h"
#include "cli/doctor_findings.h"
#include "tutti/diagnostics.h"

namespace tutti::cli::doctor {

/// The variables that begin with UCX_, of entries "NAME=value"; `environment` ends with nullptr.
std::map<std::string, std::string> read_ucx_settings(const char* const* environment);

/// Nothing where none is in the way.
Findings check_ucx_settings(const std::map<std::string, std::string>& settings,
                            const NetworkReport& report, const Crew& crew);

}  // namespace tutti::cli::doctor
