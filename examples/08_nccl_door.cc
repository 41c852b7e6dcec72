// A program for NCCL, on a machine without a GPU: built against nccl.h, linked with this project's
// libnccl.so.2. Buffers are memory of the host, and streams are not looked at.
//
// One thread plays three ranks, which takes a group around what they do together.
//
//   build/release/examples/08_nccl_door

#include <tutti/nccl.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

static void check(ncclResult_t result) {
  if (result == ncclSuccess) return;
  std::fprintf(stderr, "%s: %s\n", ncclGetErrorString(result), ncclGetLastError(nullptr));
  std::exit(1);
}

int main() {
  constexpr int kRanks = 3;
  ncclComm_t comms[kRanks];
  check(ncclCommInitAll(comms, kRanks, nullptr));

  std::vector<std::vector<float>> gradients;
  for (int rank = 0; rank < kRanks; ++rank) gradients.emplace_back(1'000, 1.0f + rank);

  check(ncclGroupStart());
  for (int rank = 0; rank < kRanks; ++rank) {
    float* mine = gradients[rank].data();
    check(ncclAllReduce(mine, mine, 1'000, ncclFloat, ncclAvg, comms[rank], nullptr));
  }
  check(ncclGroupEnd());  // without a GPU, the averages are there now

  for (ncclComm_t comm : comms) check(ncclCommDestroy(comm));
  std::printf("the average of 1, 2 and 3 is %g\n", gradients[0][999]);
  return gradients[0][999] == 2 ? 0 : 1;
}
