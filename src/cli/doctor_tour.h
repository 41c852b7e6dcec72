// All hosts of a job, and the links between them. Tested by cli_command_test.py.

#pragma once

#include "cli/doctor_host.h"
#include "tutti/tutti.h"

namespace tutti::cli::doctor {

struct Tour {
  std::string text;  // complete on rank 0
  Severity worst = Severity::kGood;
};

/// The first rank of every host examines it; then rank 0 measures the way to each of them. The
/// worst is the same on all ranks. Collective.
Result<Tour> make_tour(Communicator& communicator, const Options& options);

}  // namespace tutti::cli::doctor
