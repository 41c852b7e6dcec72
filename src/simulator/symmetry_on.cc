#include "simulator/symmetry_on.h"

#include <bit>
#include <numeric>

namespace tutti {
namespace {

// Ranks that share cores, or have links of their own, are alike with none of their host.
bool has_places(const Machine& machine, int per_host) {
  return !machine.pairs.empty() || (machine.cores > 0 && machine.cores < per_host);
}

// The fewest ranks after which the machine repeats itself; 0 if it does not.
int period(const Machine& machine) {
  const int hosts = machine.ranks == 0 ? 0 : machine.host(machine.ranks - 1) + 1;
  if (hosts < 1 || machine.ranks % hosts != 0) return 0;
  const int per_host = machine.ranks / hosts;
  for (int rank = 0; rank < machine.ranks; ++rank) {
    if (machine.host(rank) != rank / per_host) return 0;
  }
  if (hosts == 1) return has_places(machine, per_host) ? machine.ranks : 1;
  if (machine.leaf_hosts == 0 || machine.leaf_port <= 0) return per_host;
  return hosts % machine.leaf_hosts == 0 ? per_host * machine.leaf_hosts : 0;
}

}  // namespace

Symmetry symmetry_on(const Machine& machine, const Symmetry& alike) {
  const Symmetry none = Symmetry::none(alike.ranks);
  const int repeats = period(machine);
  if (alike.kind == Symmetry::Kind::kNone || repeats == 0) return none;
  const int stride = std::lcm(alike.stride, repeats);
  if (alike.ranks % stride != 0 || alike.ranks == stride) return none;
  const auto blocks = static_cast<unsigned>(alike.ranks / stride);
  if (alike.kind == Symmetry::Kind::kExclusiveOr && !std::has_single_bit(blocks)) return none;
  return {alike.kind, alike.ranks, stride};
}

}  // namespace tutti
