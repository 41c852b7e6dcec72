// Dissemination barrier: log2 n signals a rank, rounded up.
//
// After the step with distance d a rank knows of the 2d ranks up to itself that they have begun.
//
// Hensgen, Finkel and Manber, "Two algorithms for barrier synchronization", IJPP 17 (1988).
// Tested by dissemination_test.cc.

#include "algorithms/dissemination.h"

#include "algorithms/peers.h"

namespace tutti {

Schedule dissemination_barrier(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kBarrier, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    for (int distance = 1; distance < ranks; distance *= 2) {
      schedule.at(rank).signal(mod(rank + distance, ranks));
      schedule.at(rank).wait(mod(rank - distance, ranks));
    }
  }
  return schedule;
}

}  // namespace tutti
