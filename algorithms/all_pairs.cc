// One-hop algorithms that put: every rank talks to every other.
//
// The least steps there are, and reductions in rank order; the price is ranks - 1 messages a rank
// at once. One-shot all-reduce sends everybody everything and reduces it everywhere; two-shot
// reduces each chunk in one place and sends the result round.
//
//                          steps   chunks sent per rank   scratch chunks
//   all-reduce, one-shot   1       n - 1 (of 1)           n
//   all-reduce, two-shot   2       2(n - 1) (of n)        n - 1
//   all-gather             1       n - 1                  0
//   reduce-scatter         1       n - 1                  n - 1
//   all-to-all             1       n - 1                  0
//   all-to-all, staged     2       n - 1                  n - 1
//   barrier                1       none                   0
//
// Tested by all_pairs_test.cc.

#include "algorithms/all_pairs.h"

#include "algorithms/peers.h"

namespace tutti {
namespace {

// Every rank gets its chunk from everybody and reduces it to `result`.
void reduce_scatter_steps(Program& program, int rank, int ranks, Chunk result) {
  for (const int peer : peers_after(rank, ranks)) {
    program.put(input(peer), peer, scratch(slot(peer, rank)));
  }
  wait_for_peers(program, rank, ranks);
  program.reduce(own_and_slots(rank, ranks, input(rank)), result);
}

// Puts `own` where everybody keeps this rank's chunk.
void put_to_peers(Program& program, int rank, int ranks, Chunk own) {
  for (const int peer : peers_after(rank, ranks)) program.put(own, peer, output(rank));
}

}  // namespace

Schedule one_shot_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/1, /*scratch_chunks=*/ranks);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    // Puts from the input itself could still be reading it when the result, in place, is written.
    program.copy(input(0), scratch(rank));
    for (const int peer : peers_after(rank, ranks)) {
      program.put(scratch(rank), peer, scratch(rank));
    }
    wait_for_peers(program, rank, ranks);
    std::vector<Chunk> sources;
    for (int i = 0; i < ranks; ++i) sources.push_back(scratch(i));
    program.reduce(sources, output(0));
  }
  return schedule;
}

Schedule two_shot_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/ranks, /*scratch_chunks=*/ranks - 1);
  for (const int rank : group.wanted_ranks()) {
    reduce_scatter_steps(schedule.at(rank), rank, ranks, output(rank));
    put_to_peers(schedule.at(rank), rank, ranks, output(rank));
    wait_for_peers(schedule.at(rank), rank, ranks);
  }
  return schedule;
}

Schedule all_pairs_all_gather(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllGather, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    put_to_peers(schedule.at(rank), rank, ranks, input(0));
    schedule.at(rank).copy(input(0), output(rank));
    wait_for_peers(schedule.at(rank), rank, ranks);
  }
  return schedule;
}

Schedule all_pairs_reduce_scatter(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kReduceScatter, ranks, /*chunks=*/1, /*scratch_chunks=*/ranks - 1);
  for (const int rank : group.wanted_ranks()) {
    reduce_scatter_steps(schedule.at(rank), rank, ranks, output(0));
  }
  return schedule;
}

Schedule all_pairs_all_to_all(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllToAll, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    for (const int peer : peers_after(rank, ranks)) program.put(input(peer), peer, output(rank));
    program.copy(input(rank), output(rank));
    wait_for_peers(program, rank, ranks);
  }
  return schedule;
}

Schedule staged_all_to_all(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllToAll, ranks, /*chunks=*/1, /*scratch_chunks=*/ranks - 1);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    for (const int peer : peers_after(rank, ranks)) {
      program.put(input(peer), peer, scratch(slot(peer, rank)));
    }
    program.copy(input(rank), output(rank));
    wait_for_peers(program, rank, ranks);
    // In place, the output is what peers take from: they must have it all first.
    signal_peers(program, rank, ranks);
    wait_for_peers(program, rank, ranks);
    for (const int peer : peers_after(rank, ranks)) {
      program.copy(scratch(slot(rank, peer)), output(peer));
    }
  }
  return schedule;
}

Schedule all_pairs_barrier(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kBarrier, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    signal_peers(schedule.at(rank), rank, ranks);
    wait_for_peers(schedule.at(rank), rank, ranks);
  }
  return schedule;
}

}  // namespace tutti
