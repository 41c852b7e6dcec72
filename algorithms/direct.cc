// One hop between the root and everybody, and between two: the sender puts.
//
//                steps   chunks sent, at most   scratch chunks
//   broadcast    1       n - 1                  0
//   reduce       1       1                      n - 1
//   gather       1       1                      0
//   scatter      1       n - 1                  0
//   send/recv    1       1                      0
//
// Reduce is in rank order. Tested by direct_test.cc.

#include "algorithms/direct.h"

#include "algorithms/peers.h"

namespace tutti {

Schedule direct_broadcast(int ranks, int root) {
  Schedule schedule(Collective::kBroadcast, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  for (const int peer : peers_after(root, ranks)) {
    schedule.at(root).put(input(0), peer, output(0));
    schedule.at(peer).wait(root);
  }
  schedule.at(root).copy(input(0), output(0));
  return schedule;
}

Schedule direct_reduce(int ranks, int root) {
  Schedule schedule(Collective::kReduce, ranks, /*chunks=*/1, /*scratch_chunks=*/ranks - 1, root);
  for (const int peer : peers_after(root, ranks)) {
    schedule.at(peer).put(input(0), root, scratch(slot(root, peer)));
    schedule.at(root).wait(peer);
  }
  schedule.at(root).reduce(own_and_slots(root, ranks, input(0)), output(0));
  return schedule;
}

Schedule direct_gather(int ranks, int root) {
  Schedule schedule(Collective::kGather, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  schedule.at(root).copy(input(0), output(root));
  for (const int peer : peers_after(root, ranks)) {
    schedule.at(peer).put(input(0), root, output(peer));
    schedule.at(root).wait(peer);
  }
  return schedule;
}

Schedule direct_scatter(int ranks, int root) {
  Schedule schedule(Collective::kScatter, ranks, /*chunks=*/1, /*scratch_chunks=*/0, root);
  for (const int peer : peers_after(root, ranks)) {
    schedule.at(root).put(input(peer), peer, output(0));
    schedule.at(peer).wait(root);
  }
  schedule.at(root).copy(input(root), output(0));
  return schedule;
}

Schedule direct_send_recv(const Group& group) {
  Schedule schedule(Collective::kSendRecv, group.ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  schedule.at(0).put(input(0), /*peer=*/1, output(0));
  schedule.at(1).wait(0);
  return schedule;
}

}  // namespace tutti
