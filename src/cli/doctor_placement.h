// Checks of where the ranks of a machine run. Pure. Tested by cli_doctor_placement_test.cc.

#pragma once

#include <string>
#include <vector>

#include "cli/doctor_crew.h"
#include "cli/doctor_findings.h"
#include "cli/doctor_processors.h"

namespace tutti::cli::doctor {

/// A device that carries traffic between hosts, and the node that it hangs on.
struct PlacedDevice {
  std::string name;
  int node = -1;  // -1: the system does not say
};

/// More ranks than processors, or than cores: of all of them, or of those that some are bound to.
Findings check_sharing(const Crew& crew, const Processors& processors);

/// Ranks that the system may move about.
Findings check_binding(const Crew& crew, const Processors& processors);

/// Ranks that are far from the devices. Nothing where all is near.
Findings check_distance(const Crew& crew, const Processors& processors,
                        const std::vector<PlacedDevice>& devices);

/// All of the above.
Findings check_placement(const Crew& crew, const Processors& processors,
                         const std::vector<PlacedDevice>& devices);

}  // namespace tutti::cli::doctor
