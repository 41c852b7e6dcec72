// Ring reduce-scatter, all-gather, all-reduce, broadcast and reduce.
//
// The buffer is cut into one chunk per rank. Chunks travel round the ring, one hop to the right
// per step, so every link carries one chunk in every step. Reduce-scatter adds a rank's own chunk
// to the one passing through; all-gather only forwards. All-reduce is the first followed by the
// second. Broadcast and reduce pass the whole buffer along a chain that starts or ends at the root:
// least bytes when blocks follow each other, which is the executor's part.
//
//                     steps      chunks sent per rank   scratch chunks
//   reduce-scatter    n - 1      n - 1                  n - 1
//   all-gather        n - 1      n - 1                  0
//   all-reduce        2(n - 1)   2(n - 1)               n - 1
//   broadcast         n - 1      1 (of 1)               0
//   reduce            n - 1      1 (of 1)               1
//
// Bandwidth-optimal for all-reduce: Patarasuk and Yuan, JPDC 69 (2009).
// Tested by ring_test.cc.

#include "algorithms/ring.h"

#include "algorithms/peers.h"

namespace tutti {
namespace {

// Sends partial sums round the ring until this rank's chunk has passed everybody; its sum goes
// to `result`.
void reduce_scatter_steps(Program& program, int rank, int ranks, Chunk result) {
  // Start one chunk behind, so that the last chunk received is our own.
  Chunk partial = input(mod(rank - 1, ranks));
  for (int step = 0; step < ranks - 1; ++step) {
    const int received = mod(rank - 2 - step, ranks);
    // A scratch chunk per step: reusing one would need a credit back from the right.
    program.put(partial, /*peer=*/mod(rank + 1, ranks), scratch(step));
    program.wait(mod(rank - 1, ranks));
    partial = scratch(step);
    program.reduce({partial, input(received)}, received == rank ? result : partial);
  }
}

// Forwards whole chunks round the ring, starting with this rank's own.
void all_gather_steps(Program& program, int rank, int ranks, Chunk own) {
  for (int step = 0; step < ranks - 1; ++step) {
    const int sent = mod(rank - step, ranks);
    program.put(step == 0 ? own : output(sent), /*peer=*/mod(rank + 1, ranks), output(sent));
    program.wait(mod(rank - 1, ranks));
  }
}

}  // namespace

Schedule ring_reduce_scatter(const Group& group) {
  const int ranks = group.ranks;
  if (ranks == 1) return alone(Collective::kReduceScatter);
  Schedule schedule(Collective::kReduceScatter, ranks, /*chunks=*/1, /*scratch_chunks=*/ranks - 1);
  for (const int rank : group.wanted_ranks()) {
    reduce_scatter_steps(schedule.at(rank), rank, ranks, output(0));
  }
  return schedule;
}

Schedule ring_all_gather(const Group& group) {
  const int ranks = group.ranks;
  Schedule schedule(Collective::kAllGather, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    all_gather_steps(schedule.at(rank), rank, ranks, input(0));
    schedule.at(rank).copy(input(0), output(rank));
  }
  return schedule;
}

Schedule ring_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  if (ranks == 1) return alone(Collective::kAllReduce);
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/ranks, /*scratch_chunks=*/ranks - 1);
  for (const int rank : group.wanted_ranks()) {
    reduce_scatter_steps(schedule.at(rank), rank, ranks, output(rank));
    all_gather_steps(schedule.at(rank), rank, ranks, output(rank));
  }
  return schedule;
}

Schedule ring_broadcast(int ranks, int root) {
  Schedule schedule(Collective::kBroadcast, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = schedule.at(rank);
    const int right = mod(rank + 1, ranks);
    if (rank != root) program.wait(mod(rank - 1, ranks));
    if (right != root) program.put(rank == root ? input(0) : output(0), right, output(0));
  }
  schedule.at(root).copy(input(0), output(0));
  return schedule;
}

Schedule ring_reduce(int ranks, int root) {
  if (ranks == 1) return alone(Collective::kReduce);
  Schedule schedule(Collective::kReduce, ranks, /*chunks=*/1, /*scratch_chunks=*/1, root);
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = schedule.at(rank);
    const bool is_first = rank == mod(root + 1, ranks);
    if (!is_first) {
      program.wait(mod(rank - 1, ranks));
      program.reduce({scratch(0), input(0)}, rank == root ? output(0) : scratch(0));
    }
    if (rank != root)
      program.put(is_first ? input(0) : scratch(0), mod(rank + 1, ranks), scratch(0));
  }
  return schedule;
}

}  // namespace tutti
