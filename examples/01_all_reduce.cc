// Sums a vector over all ranks, in place, and asks how it was done.
//
//   mpirun -n 4 build/release/examples/01_all_reduce

#include <algorithm>
#include <vector>

#include "check.h"

int main() {
  auto comm = check(tutti::Communicator::from_environment());

  // Rank r contributes r + 1 everywhere, so that the sum is 1 + 2 + … + n.
  std::vector<float> values(1 << 20, static_cast<float>(comm.rank() + 1));
  check(comm.all_reduce(values, values));

  const int n = comm.ranks();
  const float sum = static_cast<float>(n * (n + 1) / 2);
  expect(std::ranges::all_of(values, [&](float v) { return v == sum; }), "the sum");

  if (comm.rank() == 0) {
    const tutti::Explanation how = comm.explain();
    std::printf("%d ranks, sum %g, by %s over %s, tiles of %zu bytes\n", n, sum,
                how.algorithm.c_str(), how.transports.c_str(), how.tile_bytes);
  }
}
