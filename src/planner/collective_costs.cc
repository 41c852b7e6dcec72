#include "planner/collective_costs.h"

#include <algorithm>
#include <cmath>

namespace tutti::planner {
namespace {

// Of one device, with all groups of the mesh at work: each device has its own port.
double inside_bandwidth(const MachineShape& machine) {
  return machine.inside.bandwidth * machine.efficiency.inside;
}

// Networks of many nodes give each less: paths cross, and the slowest of many is slow.
double between_bandwidth(const MachineShape& machine, int nodes) {
  const double tired = std::pow(2.0 / nodes, machine.efficiency.contention);
  return machine.between.bandwidth * machine.efficiency.between * std::min(1.0, tired);
}

// Rings through all ranks of a node leave it by the ports of all of them.
double ring_seconds(const MachineShape& machine, const GroupShape& g, double bytes) {
  const int far = g.nodes > 1 ? g.nodes - 1 : 0;
  const double latency =
      (g.ranks - 1 - far) * machine.inside.latency + far * machine.between.latency;
  double bandwidth = g.per_node > 1 ? inside_bandwidth(machine) : 1e30;
  if (g.nodes > 1) {
    bandwidth = std::min(bandwidth, g.per_node * between_bandwidth(machine, g.nodes));
  }
  return latency + bytes * (g.ranks - 1) / g.ranks / bandwidth;
}

// Doubling: in each step as much as there is already, first between nodes, then inside of them.
double doubling_seconds(const MachineShape& machine, const GroupShape& g, double bytes) {
  const double near = std::ceil(std::log2(g.per_node));
  const double far = std::ceil(std::log2(g.nodes));
  double seconds = near * machine.inside.latency + far * machine.between.latency;
  const double first = bytes / g.per_node;
  if (g.nodes > 1) {
    seconds += first * (g.nodes - 1) / g.nodes / between_bandwidth(machine, g.nodes);
  }
  return seconds + (bytes - first) / inside_bandwidth(machine);
}

}  // namespace

GroupShape group_of(const Layout& layout, const std::array<bool, kDimensions>& varies,
                    int devices_per_node) {
  const std::array<int, kDimensions> sizes = {layout.dp, layout.pp, layout.cp, layout.tp};
  GroupShape group;
  int stride = 1;
  for (int i = kDimensions - 1; i >= 0; --i) {
    const int dimension = static_cast<int>(layout.order[i]);
    const int size = sizes[dimension];
    if (varies[dimension]) {
      group.ranks *= size;
      group.per_node *= std::clamp(devices_per_node / stride, 1, size);
    }
    stride *= size;
  }
  group.nodes = (group.ranks + group.per_node - 1) / group.per_node;
  return group;
}

double all_gather_seconds(const MachineShape& machine, const GroupShape& group, double bytes) {
  if (group.ranks <= 1) return 0;
  return std::min(ring_seconds(machine, group, bytes), doubling_seconds(machine, group, bytes));
}

double pass_seconds(const MachineShape& machine, const GroupShape& group, double bytes) {
  if (group.ranks <= 1) return 0;
  if (group.nodes <= 1) return machine.inside.latency + bytes / inside_bandwidth(machine);
  return machine.between.latency + bytes / between_bandwidth(machine, 2);
}

}  // namespace tutti::planner
