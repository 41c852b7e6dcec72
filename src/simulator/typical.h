// What ranks and the ways between them typically cost, where nobody has measured: starting points
// for machines known from descriptions only. Each number says where it comes from.
//
// Tested by machine_of_test.cc.

#pragma once

#include "simulator/machine.h"
#include "tutti/topology.h"

namespace tutti {

/// A rank on a GPU of compute capability `sm` (90 for 9.0; 0: unknown).
RankCosts typical_gpu(int sm);

/// A rank on cores of its own of a server's processor.
RankCosts typical_processor();

/// Between GPUs of a host whose worst path is of that type.
WayCosts typical_gpu_way(PathType type);

/// Between processors of a host.
WayCosts typical_processor_way();

/// Between hosts; `rdma`: by network devices that move memory themselves, otherwise by TCP.
WayCosts typical_network(bool rdma);

}  // namespace tutti
