// Where a schedule's chunks lie: a number for every piece of memory, the same for two names of it.
//
// Tested by verify_test.cc.

#pragma once

#include <vector>

#include "schedule/schedule.h"
#include "schedule/verify.h"

namespace tutti {

/// Locations are 0 … count()-1; those of one rank are consecutive. In place, an input chunk and the
/// output chunk that it is share a location.
class Layout {
 public:
  Layout(const Schedule& schedule, Placement placement);

  /// The location of a chunk that `rank` names. REQUIRES: check_shape(schedule) == "".
  int location(int rank, Chunk chunk) const {
    const Bases& bases = bases_[chunk.rank == kSelf ? rank : chunk.rank];
    return bases.of[static_cast<int>(chunk.space)] + chunk.index;
  }

  int first(int rank) const { return firsts_[rank]; }
  int end(int rank) const { return firsts_[rank + 1]; }
  int count() const { return firsts_.back(); }

 private:
  struct Bases {
    int of[3] = {};  // by Space
  };
  std::vector<Bases> bases_;  // by rank
  std::vector<int> firsts_;   // by rank, and one more
};

}  // namespace tutti
