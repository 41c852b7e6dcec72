// All hosts of a job, and the ways between them. Tested by cli_command_test.py.

#pragma once

#include "cli/doctor_report.h"
#include "tutti/tutti.h"

namespace tutti::cli::doctor {

struct Tour {
  Report report;                     // on rank 0: as far as it came
  Severity worst = Severity::kGood;  // the same on all ranks, if all is well
  Status status = {};                // of this rank
};

/// The first rank of every host examines it; then rank 0 measures the way to each of them, and the
/// others try theirs to each other. Collective. A way that does not work ends it.
Tour make_tour(Communicator& communicator, const Options& options);

}  // namespace tutti::cli::doctor
