// Where ranks run, on a topology. Tested by topology_join_test.cc.

#pragma once

#include <vector>

#include "tutti/status.h"
#include "tutti/topology.h"

namespace tutti {

/// Puts a rank on the GPU of that index; else (-1) on the processor that has most of `cpus`, on
/// which it may run, of several the one with the fewest ranks, where the system would put it too.
/// `cpus` must be ascending. kInvalidArgument names a GPU that is not there or has a rank.
Status place_rank(TopologyHost& host, int rank, const std::vector<int>& cpus, int gpu = -1);

/// The ranks of `from` on the same places of `to`, which describes the same host. What is on a GPU
/// that `to` lacks, or that has another rank there, is left out.
void copy_ranks(const TopologyHost& from, TopologyHost& to);

}  // namespace tutti
