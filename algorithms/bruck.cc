// Bruck's all-gather and all-to-all: log2 n steps for any number of ranks.
//
// All-gather: a rank holds the chunks of a growing run of ranks that starts with itself, and in
// each step gives the run, or what fits, to the rank one run's length before it. All-to-all: what
// must travel a distance d takes the hops that are the set bits of d, lowest first, together with
// everything else that takes that hop.
//
//                steps    chunks sent per rank   scratch chunks
//   all-gather   log2 n   n - 1                  0
//   all-to-all   log2 n   n/2 * log2 n           n/2 * log2 n - (n - 1)
//
// Steps are rounded up for other than powers of two; the rest as written for those. Chunks have
// absolute places here, so that the rotations of the paper fall away.
// Bruck, Ho, Kipnis, Upfal and Weathersby, IEEE TPDS 8 (1997).
// Tested by bruck_test.cc.

#include "algorithms/bruck.h"

#include <algorithm>
#include <bit>

#include "algorithms/peers.h"

namespace tutti {
namespace {

int set_bits(int distance) { return std::popcount(static_cast<unsigned>(distance)); }

// By distance: the first scratch chunk for what travels that far. It needs one for each stop on the
// way; one for all stops would be overwritten while its last put may still be read.
std::vector<int> first_stops(int ranks) {
  std::vector<int> first(ranks + 1, 0);
  for (int distance = 1; distance < ranks; ++distance) {
    first[distance + 1] = first[distance] + set_bits(distance) - 1;
  }
  return first;
}

}  // namespace

Schedule bruck_all_gather(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllGather, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    program.copy(input(0), output(rank));
    for (int run = 1; run < ranks; run *= 2) {
      const int count = std::min(run, ranks - run);
      for (int i = 0; i < count; ++i) {
        const int chunk = mod(rank + i, ranks);
        program.put(output(chunk), mod(rank - run, ranks), output(chunk));
      }
      for (int i = 0; i < count; ++i) program.wait(mod(rank + run, ranks));
    }
  }
  return schedule;
}

Schedule bruck_all_to_all(const Group& group) {
  const int ranks = group.ranks;
  const std::vector<int> first = first_stops(ranks);
  Schedule schedule(Collective::kAllToAll, ranks, /*chunks=*/1, /*scratch_chunks=*/first[ranks]);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    for (int hop = 1; hop < ranks; hop *= 2) {
      const int peer = mod(rank + hop, ranks);
      for (int distance = hop; distance < ranks; ++distance) {
        if (!(distance & hop)) continue;
        // It has come `travelled` so far, with a stop after each set bit of that.
        const int travelled = distance & (hop - 1);
        const int stop = first[distance] + set_bits(travelled);
        const int origin = mod(rank - travelled, ranks);
        const bool arrives = travelled + hop == distance;
        program.put(travelled == 0 ? input(mod(rank + distance, ranks)) : scratch(stop - 1), peer,
                    arrives ? output(origin) : scratch(stop));
      }
      for (int distance = hop; distance < ranks; ++distance) {
        if (distance & hop) program.wait(mod(rank - hop, ranks));
      }
    }
    program.copy(input(rank), output(rank));
  }
  return schedule;
}

}  // namespace tutti
