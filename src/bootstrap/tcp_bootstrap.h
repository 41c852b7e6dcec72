// Ranks of different processes meet over TCP.
//
// Every rank comes to the root that the unique id names, learns its place in a tree, and connects
// to its parent there; the root is then no longer needed. Tested by bootstrap_test.cc.

#pragma once

#include <memory>

#include "bootstrap/bootstrap.h"
#include "bootstrap/meeting.h"

namespace tutti {

/// Meets the other ranks. Collective: every rank calls it once, with the same id and `ranks`.
///
/// Errors come to all ranks alike: kTimeout names the ranks that have not come by the earliest
/// deadline of those that have; kMismatch a rank that came twice or counts differently;
/// kInvalidArgument a rank out of range; kPeerLost one that left, or the root's process if that has
/// ended. An id of another job is an error of the rank that has it, and of nobody else.
Result<std::unique_ptr<Bootstrap>> connect_bootstrap(const UniqueId& id, int rank, int ranks,
                                                     Deadline deadline,
                                                     const BootstrapOptions& options = {});

/// The same for a meeting that was agreed on without an id (launcher.h).
Result<std::unique_ptr<Bootstrap>> connect_bootstrap(const Meeting& meeting, int rank, int ranks,
                                                     Deadline deadline,
                                                     const BootstrapOptions& options = {});

}  // namespace tutti
