// Ranks that are threads of one process: no launcher, nothing to configure.
//
//   build/release/examples/03_threads

#include <thread>
#include <vector>

#include "check.h"

namespace {

constexpr int kRanks = 3;

// Every rank tells every other a number that only the two of them expect.
void exchange(tutti::Communicator& comm) {
  std::vector<int> sent(kRanks), received(kRanks);
  for (int peer = 0; peer < kRanks; ++peer) sent[peer] = 100 * comm.rank() + peer;

  check(comm.all_to_all(sent, received));

  for (int peer = 0; peer < kRanks; ++peer) {
    expect(received[peer] == 100 * peer + comm.rank(), "a number exchanged");
  }
}

}  // namespace

int main() {
  auto comms = check(tutti::Communicator::threads(kRanks));
  std::vector<std::jthread> threads;
  for (tutti::Communicator& comm : comms) threads.emplace_back([&comm] { exchange(comm); });
  threads.clear();  // joins
  std::printf("%d threads exchanged %d numbers\n", kRanks, kRanks * kRanks);
}
