// Broadcast and reduce of large messages in two phases.
//
// Broadcast: the root scatters one chunk to each rank, then the ranks pass them round a ring that
// the root closes for nobody: it has them all. Reduce: each rank reduces one chunk, in rank order,
// and puts the result to the root; in the variant that pulls, the root's answer tells the others
// that their inputs have been read by all.
//
//                steps   chunks sent, at most       scratch chunks
//   broadcast    n - 1   2(n - 1), by the root      0
//   reduce       2       n                          n - 1
//   reduce,pull  2       n                          1
//
// A buffer is n chunks. Van de Geijn's broadcast; both in Chan, Heimlich, Purkayastha and van de
// Geijn, "Collective communication: theory, practice, and experience", CCPE 19 (2007).
// Tested by scatter_gather_test.cc.

#include "algorithms/scatter_gather.h"

#include "algorithms/peers.h"

namespace tutti {

Schedule scatter_all_gather_broadcast(int ranks, int root) {
  Schedule schedule(Collective::kBroadcast, ranks, /*chunks=*/ranks, /*scratch_chunks=*/0, root);
  Program& source = schedule.at(root);
  for (const int peer : peers_after(root, ranks)) {
    source.put(input(peer), peer, output(peer));
    schedule.at(peer).wait(root);
  }
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = schedule.at(rank);
    const int right = mod(rank + 1, ranks);
    for (int step = 0; step < ranks - 1; ++step) {
      const int sent = mod(rank - step, ranks);
      if (right != root) {
        program.put(rank == root ? input(sent) : output(sent), right, output(sent));
      }
      if (rank != root) program.wait(mod(rank - 1, ranks));
    }
  }
  for (int chunk = 0; chunk < ranks; ++chunk) source.copy(input(chunk), output(chunk));
  return schedule;
}

Schedule reduce_scatter_gather_reduce(int ranks, int root) {
  Schedule schedule(Collective::kReduce, ranks, /*chunks=*/ranks, /*scratch_chunks=*/ranks - 1,
                    root);
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = schedule.at(rank);
    for (const int peer : peers_after(rank, ranks)) {
      program.put(input(peer), peer, scratch(slot(peer, rank)));
    }
    wait_for_peers(program, rank, ranks);
    const Chunk sum = rank == root ? output(rank) : scratch(0);
    program.reduce(own_and_slots(rank, ranks, input(rank)), sum);
    if (rank != root) program.put(sum, root, output(rank));
  }
  wait_for_peers(schedule.at(root), root, ranks);
  return schedule;
}

Schedule reduce_scatter_gather_pull_reduce(int ranks, int root) {
  Schedule schedule(Collective::kReduce, ranks, /*chunks=*/ranks, /*scratch_chunks=*/1, root);
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = schedule.at(rank);
    const Chunk sum = rank == root ? output(rank) : scratch(0);
    program.reduce(of_every_rank(rank, ranks, input(rank)), sum);
    if (rank == root) continue;
    program.put(sum, root, output(rank));
    program.wait(root);
  }
  wait_for_peers(schedule.at(root), root, ranks);
  signal_peers(schedule.at(root), root, ranks);
  return schedule;
}

}  // namespace tutti
