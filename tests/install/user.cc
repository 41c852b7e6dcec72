// A user's program: two threads sum one number. Exits with 0 when the sum is right on both.

#include <tutti/tutti.h>

#include <cstdio>
#include <thread>
#include <vector>

namespace {

bool sums(tutti::Communicator& comm) {
  std::vector<int> value{comm.rank() + 1};
  const tutti::Status status = comm.all_reduce(value, value);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.to_string().c_str());
  return status.ok() && value[0] == 3;
}

}  // namespace

int main() {
  auto comms = tutti::Communicator::threads(2);
  if (!comms.ok()) {
    std::fprintf(stderr, "%s\n", comms.status().to_string().c_str());
    return 1;
  }
  bool other = false;
  std::thread thread([&] { other = sums((*comms)[1]); });
  const bool mine = sums((*comms)[0]);
  thread.join();
  return mine && other ? 0 : 1;
}
