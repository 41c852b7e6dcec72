// How the threads of one process meet: an all-gather through shared memory and a lock.
//
// Each rank is used by one thread at a time. A rank whose Bootstrap is destroyed has left: those
// who wait for it get kPeerLost at once, since it can never come.
// Tested by thread_bootstrap_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "bootstrap/bootstrap.h"

namespace tutti {

/// One Bootstrap a rank, in rank order. They may be destroyed in any order.
std::vector<std::unique_ptr<Bootstrap>> make_thread_bootstraps(int ranks);

}  // namespace tutti
