// One-hop algorithms that read peers' memory, which must be mapped.
//
// A rank reduces all inputs where they lie, in one pass and in rank order: each is read once and
// the result written once, the least memory traffic there is. A signal back then tells the peer
// that its input has been read and may change.
//
//                          steps   chunks read per rank   scratch chunks
//   all-reduce, one-shot   1       n - 1 (of 1)           1
//   all-reduce, two-shot   1       n - 1 (of n)           0
//   all-gather             1       n - 1                  0
//   reduce-scatter         1       n - 1                  0
//   all-to-all             1       n - 1                  0
//
// Two-shot also puts n - 1 chunks. Tested by all_pairs_pull_test.cc.

#include "algorithms/all_pairs_pull.h"

#include "algorithms/peers.h"

namespace tutti {
namespace {

// Tells all peers that their memory has been read, and hears it from them.
void finish_reading(Program& program, int rank, int ranks) {
  signal_peers(program, rank, ranks);
  wait_for_peers(program, rank, ranks);
}

}  // namespace

Schedule one_shot_pull_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/1, /*scratch_chunks=*/1);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    // In place, the result would overwrite what others may not have read yet.
    program.reduce(of_every_rank(rank, ranks, input(0)), scratch(0));
    finish_reading(program, rank, ranks);
    program.copy(scratch(0), output(0));
  }
  return schedule;
}

Schedule two_shot_pull_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/ranks, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    program.reduce(of_every_rank(rank, ranks, input(rank)), output(rank));
    // The put's signal also says that this rank has read the peer's input.
    for (const int peer : peers_after(rank, ranks)) {
      program.put(output(rank), peer, output(rank));
    }
    wait_for_peers(program, rank, ranks);
  }
  return schedule;
}

Schedule all_pairs_pull_all_gather(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllGather, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    for (const int peer : peers_after(rank, ranks)) {
      program.copy(of(peer, input(0)), output(peer));
      program.signal(peer);
    }
    program.copy(input(0), output(rank));
    wait_for_peers(program, rank, ranks);
  }
  return schedule;
}

Schedule all_pairs_pull_reduce_scatter(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kReduceScatter, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    program.reduce(of_every_rank(rank, ranks, input(rank)), output(0));
    finish_reading(program, rank, ranks);
  }
  return schedule;
}

Schedule all_pairs_pull_all_to_all(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllToAll, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    for (const int peer : peers_after(rank, ranks)) {
      program.copy(of(peer, input(rank)), output(peer));
      program.signal(peer);
    }
    program.copy(input(rank), output(rank));
    wait_for_peers(program, rank, ranks);
  }
  return schedule;
}

}  // namespace tutti
