// How long collectives take among ranks that lie on nodes in a regular way: alpha and beta of the
// library's own schedules, in closed form.
//
// Candidates are the ring, and for small calls among many ranks halving and doubling; steps and
// bytes are those of schedule/cost.h for ring_all_gather and its kin, which the test compares.
//
// Tested by planner_collective_costs_test.cc.

#pragma once

#include "tutti/planner.h"

namespace tutti::planner {

/// Ranks that make a call together.
struct GroupShape {
  int ranks = 1;
  int nodes = 1;
  int per_node = 1;  // on a node

  bool operator==(const GroupShape&) const = default;
};

/// The ranks that differ only in dimensions of which `varies` is true (by Dimension).
GroupShape group_of(const Layout& layout, const std::array<bool, kDimensions>& varies,
                    int devices_per_node);

/// `bytes`: of the largest buffer, all ranks' parts together.
double all_gather_seconds(const MachineShape& machine, const GroupShape& group, double bytes);
inline double reduce_scatter_seconds(const MachineShape& machine, const GroupShape& group,
                                     double bytes) {
  return all_gather_seconds(machine, group, bytes);
}
inline double all_reduce_seconds(const MachineShape& machine, const GroupShape& group,
                                 double bytes) {
  return 2 * all_gather_seconds(machine, group, bytes);
}
/// From each rank to its neighbour, all at once.
double pass_seconds(const MachineShape& machine, const GroupShape& group, double bytes);

}  // namespace tutti::planner
