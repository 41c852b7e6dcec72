// Tokens go to the ranks that hold their experts, and come back: all_to_all_v with counts that no
// other rank knows beforehand.
//
//   mpirun -n 3 build/release/examples/06_expert_routing

#include <numeric>
#include <vector>

#include "check.h"

namespace {

std::size_t total(const std::vector<std::size_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

}  // namespace

int main() {
  auto comm = check(tutti::Communicator::from_environment());
  const int n = comm.ranks();

  // Rank r has r + p tokens for the experts of rank p; they say where they come from.
  std::vector<std::size_t> sent(n), received(n);
  for (int peer = 0; peer < n; ++peer) sent[peer] = static_cast<std::size_t>(comm.rank() + peer);
  std::vector<float> tokens(total(sent), static_cast<float>(comm.rank()));

  check(comm.all_to_all(sent, received));
  std::vector<float> work(total(received));
  check(comm.run(tutti::all_to_all_v(tokens, sent, work, received)));

  for (float& token : work) token += 0.5f;  // the expert

  std::vector<float> back(tokens.size());
  check(comm.run(tutti::all_to_all_v(work, received, back, sent)));
  for (float token : back) expect(token == static_cast<float>(comm.rank()) + 0.5f, "a token");
  std::printf("rank %d: %zu tokens out, %zu in\n", comm.rank(), tokens.size(), work.size());
}
