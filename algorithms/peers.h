// The other ranks of a group: in what order to talk to them, and where they leave their chunks.

#pragma once

#include <vector>

#include "schedule/schedule.h"

namespace tutti {

/// The remainder of a/n in [0, n), also for negative a.
inline int mod(int a, int n) { return (a % n + n) % n; }

/// The schedule of a group of one, where everything is the input. REQUIRES: there is an output.
Schedule alone(Collective collective);

/// rank + 1, rank + 2, … rank - 1, round the group. When every rank sends in this order, no two
/// send to the same one at a time.
std::vector<int> peers_after(int rank, int ranks);

/// rank - 1, rank - 2, … rank + 1: the order in which the sends above arrive.
std::vector<int> peers_before(int rank, int ranks);

/// Gives each peer a signal; takes one from each.
void signal_peers(Program& program, int rank, int ranks);
void wait_for_peers(Program& program, int rank, int ranks);

/// Which of an owner's ranks - 1 scratch chunks is the sender's, when each peer has one.
inline int slot(int owner, int sender) { return sender < owner ? sender : sender - 1; }

/// A chunk of every rank, in rank order: `own`, and the peers' from their slots in scratch.
std::vector<Chunk> own_and_slots(int rank, int ranks, Chunk own);

/// A chunk of every rank, in rank order, where it lies: needs mapped memory.
std::vector<Chunk> of_every_rank(int rank, int ranks, Chunk chunk);

}  // namespace tutti
