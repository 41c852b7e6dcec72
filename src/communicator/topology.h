// The topology of all ranks' hosts. Tested by communicator_topology_test.cc.

#pragma once

#include "tutti/topology.h"
#include "tutti/tutti.h"

namespace tutti {

/// See Communicator::topology(). `options` are the communicator's.
Result<TopologyReport> topology_of(Communicator& comm, const Options& options);

}  // namespace tutti
