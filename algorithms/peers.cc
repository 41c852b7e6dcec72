// Tested by all_pairs_test.cc and catalog_test.cc.

#include "algorithms/peers.h"

namespace tutti {

Schedule alone(Collective collective) {
  Schedule schedule(collective, /*ranks=*/1, /*chunks=*/1, /*scratch_chunks=*/0);
  schedule.at(0).copy(input(0), output(0));
  return schedule;
}

std::vector<int> peers_after(int rank, int ranks) {
  std::vector<int> peers;
  for (int step = 1; step < ranks; ++step) peers.push_back(mod(rank + step, ranks));
  return peers;
}

std::vector<int> peers_before(int rank, int ranks) {
  std::vector<int> peers;
  for (int step = 1; step < ranks; ++step) peers.push_back(mod(rank - step, ranks));
  return peers;
}

void signal_peers(Program& program, int rank, int ranks) {
  for (const int peer : peers_after(rank, ranks)) program.signal(peer);
}

void wait_for_peers(Program& program, int rank, int ranks) {
  for (const int peer : peers_before(rank, ranks)) program.wait(peer);
}

std::vector<Chunk> own_and_slots(int rank, int ranks, Chunk own) {
  std::vector<Chunk> chunks;
  for (int i = 0; i < ranks; ++i) chunks.push_back(i == rank ? own : scratch(slot(rank, i)));
  return chunks;
}

std::vector<Chunk> of_every_rank(int rank, int ranks, Chunk chunk) {
  std::vector<Chunk> chunks;
  for (int i = 0; i < ranks; ++i) chunks.push_back(i == rank ? chunk : of(i, chunk));
  return chunks;
}

}  // namespace tutti
