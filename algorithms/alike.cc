// Tested by alike_test.cc.

#include "algorithms/alike.h"

#include <bit>

namespace tutti {
namespace {

bool is_power_of_two(int n) { return std::has_single_bit(static_cast<unsigned>(n)); }

// How many ranks every host has, one host after the other; 0 if it is not so.
int ranks_of_each_host(const Group& group) {
  const int each = group.ranks / group.host_count();
  for (int rank = 0; rank < group.ranks; ++rank) {
    if (group.host_of(rank) != rank / each) return 0;
  }
  return group.ranks % each == 0 ? each : 0;
}

}  // namespace

Symmetry no_ranks(const Group& group) { return Symmetry::none(group.ranks); }

Symmetry ranks_in_turn(const Group& group) {
  return {Symmetry::Kind::kRotation, group.ranks, /*stride=*/1};
}

Symmetry ranks_by_bits(const Group& group) {
  if (!is_power_of_two(group.ranks)) return no_ranks(group);
  return {Symmetry::Kind::kExclusiveOr, group.ranks, /*stride=*/1};
}

Symmetry hosts_in_turn(const Group& group) {
  const int each = ranks_of_each_host(group);
  if (each == 0) return no_ranks(group);
  return {Symmetry::Kind::kRotation, group.ranks, each};
}

Symmetry hosts_by_bits(const Group& group) {
  const int each = ranks_of_each_host(group);
  if (each == 0 || !is_power_of_two(group.host_count())) return no_ranks(group);
  return {Symmetry::Kind::kExclusiveOr, group.ranks, each};
}

}  // namespace tutti
