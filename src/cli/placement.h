// Where the ranks run: who shares a host, and which CPU each is bound to.

#pragma once

#include <vector>

#include "cli/results.h"
#include "cli/session.h"

namespace tutti::cli {

/// `options` are the communicator's. Binds ranks to CPUs of their own where nobody else did: only
/// if all ranks of a machine may run on all its CPUs, and there are enough. Collective; answers
/// where every rank runs.
Result<std::vector<RankPlace>> place_ranks(Session& session, const Options& options, bool pin);

/// How many of the ranks run on the same machine as `rank`.
int ranks_beside(const std::vector<RankPlace>& ranks, int rank);

}  // namespace tutti::cli
