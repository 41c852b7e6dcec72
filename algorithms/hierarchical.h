// Algorithms for ranks on several hosts, composed of others: one inside hosts, one between them.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

/// How hosts pass a chunk on: to one of them, adding theirs, and from one of them to all.
struct BetweenHosts {
  Schedule (*reduce)(int ranks, int root);
  Schedule (*broadcast)(int ranks, int root);
  /// Whether the schedule of every root is that of root 0 with all ranks turned.
  bool turn;
};

// All take groups of several hosts, whatever ranks are on them.
Schedule hierarchical_all_reduce(const Group& group, const BetweenHosts& between);
Schedule hierarchical_all_gather(const Group& group, const BetweenHosts& between);
Schedule hierarchical_reduce_scatter(const Group& group, const BetweenHosts& between);
Schedule hierarchical_broadcast(const Group& group, const BetweenHosts& between, int root);
Schedule hierarchical_reduce(const Group& group, const BetweenHosts& between, int root);

/// All-reduce with an all-reduce between hosts, of one chunk and right in place.
Schedule hierarchical_exchange(const Group& group, Schedule (*between)(const Group& group));
/// A barrier with a barrier between hosts.
Schedule hierarchical_barrier(const Group& group, Schedule (*between)(const Group& group));

}  // namespace tutti
