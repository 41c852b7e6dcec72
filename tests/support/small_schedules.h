// Right schedules to start from, one for each way that steps can depend on each other. Independent
// of algorithms/, so that the schedule room is tested on its own.

#pragma once

#include "schedule/schedule.h"

namespace tutti {

inline int modulo(int a, int n) { return (a % n + n) % n; }

/// Puts round a ring: chains of puts, a scratch chunk per step.
inline Schedule ring_all_reduce_by_hand(int ranks) {
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/ranks, /*scratch_chunks=*/ranks - 1);
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = schedule.at(rank);
    const int left = modulo(rank - 1, ranks), right = modulo(rank + 1, ranks);
    for (int chunk = 0; chunk < ranks; ++chunk) program.copy(input(chunk), output(chunk));
    for (int step = 0; step < ranks - 1; ++step) {
      const int sent = modulo(rank - 1 - step, ranks), received = modulo(rank - 2 - step, ranks);
      program.put(output(sent), right, scratch(step));
      program.wait(left);
      program.reduce({scratch(step), output(received)}, output(received));
    }
    for (int step = 0; step < ranks - 1; ++step) {
      const int chunk = modulo(rank - step, ranks);
      program.put(output(chunk), right, output(chunk));
      program.wait(left);
    }
  }
  return schedule;
}

/// Everyone reads everyone's input in rank order, and tells everyone when it is done.
inline Schedule pull_all_reduce_by_hand(int ranks) {
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (int rank = 0; rank < ranks; ++rank) {
    Program& program = schedule.at(rank);
    std::vector<Chunk> sources;
    for (int peer = 0; peer < ranks; ++peer) sources.push_back(of(peer, input(0)));
    program.reduce(sources, output(0));
    for (int peer = 0; peer < ranks; ++peer) {
      if (peer != rank) program.signal(peer);
    }
    for (int peer = 0; peer < ranks; ++peer) {
      if (peer != rank) program.wait(peer);
    }
  }
  return schedule;
}

/// Rank 0 sends `chunks` chunks through one scratch chunk of rank 1, which gives a credit back for
/// each reuse.
inline Schedule credits_by_hand(int chunks) {
  Schedule schedule(Collective::kSendRecv, 2, chunks, /*scratch_chunks=*/1);
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (chunk > 0) schedule.at(0).wait(1);
    schedule.at(0).put(input(chunk), 1, scratch(0));
    schedule.at(1).wait(0);
    schedule.at(1).copy(scratch(0), output(chunk));
    if (chunk + 1 < chunks) schedule.at(1).signal(0);
  }
  return schedule;
}

/// Signals only: in round i to the rank 2^i to the right (Hensgen, Finkel and Manber, 1988).
inline Schedule dissemination_barrier_by_hand(int ranks) {
  Schedule schedule(Collective::kBarrier, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (int rank = 0; rank < ranks; ++rank) {
    for (int distance = 1; distance < ranks; distance *= 2) {
      schedule.at(rank).signal(modulo(rank + distance, ranks));
      schedule.at(rank).wait(modulo(rank - distance, ranks));
    }
  }
  return schedule;
}

/// The root puts to everyone and ends at once; both halves travel on their own channel.
inline Schedule flat_broadcast_by_hand(int ranks, int root) {
  Schedule schedule(Collective::kBroadcast, ranks, /*chunks=*/2, /*scratch_chunks=*/0, root);
  for (int chunk = 0; chunk < 2; ++chunk) {
    schedule.at(root).copy(input(chunk), output(chunk));
    for (int rank = 0; rank < ranks; ++rank) {
      if (rank == root) continue;
      schedule.at(root).put(input(chunk), rank, output(chunk), /*channel=*/chunk);
      schedule.at(rank).wait(root, /*channel=*/chunk);
    }
  }
  return schedule;
}

}  // namespace tutti
