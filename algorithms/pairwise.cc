// Pairwise all-to-all.
//
// In step i every rank sends to the rank i after it and receives from the one i before it, so that
// no rank is ever sent to by two at once. All-pairs without the crowd: for large messages.
//
//                steps    chunks sent per rank   scratch chunks
//   all-to-all   n - 1    n - 1                  0
//
// Thakur, Rabenseifner and Gropp, IJHPCA 19 (2005). Tested by pairwise_test.cc.

#include "algorithms/pairwise.h"

#include "algorithms/peers.h"

namespace tutti {

Schedule pairwise_all_to_all(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllToAll, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    program.copy(input(rank), output(rank));
    for (int step = 1; step < ranks; ++step) {
      const int peer = mod(rank + step, ranks);
      program.put(input(peer), peer, output(rank));
      program.wait(mod(rank - step, ranks));
    }
  }
  return schedule;
}

}  // namespace tutti
