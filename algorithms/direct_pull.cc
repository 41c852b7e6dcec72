// One hop between the root and everybody, and between two: the receiver reads mapped memory, then
// signals that it has.
//
//                steps   chunks read, at most   scratch chunks
//   broadcast    1       1                      0
//   reduce       1       n - 1                  0
//   gather       1       n - 1                  0
//   scatter      1       1                      0
//   send/recv    1       1                      0
//
// Reduce is in rank order. Tested by direct_pull_test.cc.

#include "algorithms/direct_pull.h"

#include "algorithms/peers.h"

namespace tutti {
namespace {

void read_from(Program& program, int peer, Chunk src, Chunk dst) {
  program.copy(of(peer, src), dst);
  program.signal(peer);
}

}  // namespace

Schedule direct_pull_broadcast(int ranks, int root) {
  Schedule schedule(Collective::kBroadcast, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  schedule.at(root).copy(input(0), output(0));
  for (const int peer : peers_after(root, ranks)) {
    read_from(schedule.at(peer), root, input(0), output(0));
    schedule.at(root).wait(peer);
  }
  return schedule;
}

Schedule direct_pull_reduce(int ranks, int root) {
  Schedule schedule(Collective::kReduce, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  schedule.at(root).reduce(of_every_rank(root, ranks, input(0)), output(0));
  for (const int peer : peers_after(root, ranks)) {
    schedule.at(root).signal(peer);
    schedule.at(peer).wait(root);
  }
  return schedule;
}

Schedule direct_pull_gather(int ranks, int root) {
  Schedule schedule(Collective::kGather, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  schedule.at(root).copy(input(0), output(root));
  for (const int peer : peers_after(root, ranks)) {
    read_from(schedule.at(root), peer, input(0), output(peer));
    schedule.at(peer).wait(root);
  }
  return schedule;
}

Schedule direct_pull_scatter(int ranks, int root) {
  Schedule schedule(Collective::kScatter, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  schedule.at(root).copy(input(root), output(0));
  for (const int peer : peers_after(root, ranks)) {
    read_from(schedule.at(peer), root, input(peer), output(0));
    schedule.at(root).wait(peer);
  }
  return schedule;
}

Schedule direct_pull_send_recv(const Group& group) {
  Schedule schedule(Collective::kSendRecv, group.ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  read_from(schedule.at(1), /*peer=*/0, input(0), output(0));
  schedule.at(0).wait(1);
  return schedule;
}

}  // namespace tutti
