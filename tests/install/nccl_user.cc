// A program for NCCL: one rank sums its number. Exits with 0 when the sum is right.

#include <nccl.h>

#include <cstdio>

int main() {
  ncclUniqueId id;
  ncclComm_t comm;
  int value = 3;
  bool well = ncclGetUniqueId(&id) == ncclSuccess &&
              ncclCommInitRank(&comm, 1, id, 0) == ncclSuccess &&
              ncclAllReduce(&value, &value, 1, ncclInt, ncclSum, comm, nullptr) == ncclSuccess &&
              ncclCommDestroy(comm) == ncclSuccess;
  if (!well) std::fprintf(stderr, "%s\n", ncclGetLastError(nullptr));
  return well && value == 3 ? 0 : 1;
}
