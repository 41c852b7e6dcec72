// Which ranks of a group are alike to an algorithm: what the catalog says of each.
//
// An algorithm treats ranks alike under a symmetry if the program of every rank is that of its
// representative with all ranks relabelled. Numbers of chunks may differ, and the order of a rank's
// own chunks among the sources of a reduce. Where chunks are taken in the order of ranks, from rank
// 0 on, ranks are not alike.
//
// Tested by alike_test.cc, for every algorithm.

#pragma once

#include "algorithms/group.h"
#include "schedule/symmetry.h"

namespace tutti {

/// None are alike.
Symmetry no_ranks(const Group& group);
/// All, by rotation.
Symmetry ranks_in_turn(const Group& group);
/// All, by exclusive or; none unless they are a power of two.
Symmetry ranks_by_bits(const Group& group);

/// All hosts, by rotation; none unless hosts follow each other and have equally many ranks.
Symmetry hosts_in_turn(const Group& group);
/// All hosts, by exclusive or; none unless moreover they are a power of two.
Symmetry hosts_by_bits(const Group& group);

}  // namespace tutti
