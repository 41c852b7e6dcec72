// One rank's part of `tutti perf`, from its session to the exit status.

#pragma once

#include "cli/perf_options.h"
#include "cli/session.h"
#include "tutti/options.h"

namespace tutti::cli {

/// Measures everything that was asked for. Rank 0 prints. `vs` is the library beside, or nullptr.
/// Collective; answers the exit status: 0 well, 1 wrong results or a failure, 2 a wrong request.
int run_perf(Session& session, const PerfOptions& options, const Options& library_options,
             VsLibrary* vs);

}  // namespace tutti::cli
