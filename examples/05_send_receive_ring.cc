// Blocks of a sequence travel round a ring, as the keys and values do in ring attention: every rank
// meets every block while it holds only one.
//
//   mpirun -n 3 build/release/examples/05_send_receive_ring

#include <numeric>
#include <vector>

#include "check.h"

int main() {
  auto comm = check(tutti::Communicator::from_environment());
  const int n = comm.ranks();
  const int right = (comm.rank() + 1) % n;
  const int left = (comm.rank() + n - 1) % n;

  std::vector<long> block(50'000, comm.rank());
  std::vector<long> next(block.size());
  long seen = 0;
  for (int step = 0; step < n; ++step) {
    seen += std::accumulate(block.begin(), block.end(), 0L);
    // In a group nobody need think about who sends first.
    check(comm.run({tutti::send(block, right), tutti::receive(next, left)}));
    block.swap(next);
  }

  expect(block[0] == comm.rank(), "the block that came back");
  expect(seen == 50'000L * n * (n - 1) / 2, "the sum over all blocks");
  if (comm.rank() == 0) std::printf("%d blocks went round\n", n);
}
