// A rank stays away. The others do not hang: they learn who it is, and go on without it.
//
//   mpirun -n 3 build/release/examples/07_deadline_and_shrink

#include <string>
#include <vector>

#include "check.h"

int main() {
  tutti::Options options;
  options.call_timeout = std::chrono::milliseconds(500);
  options.start_timeout = std::chrono::seconds(10);
  options.log_level = 0;
  auto comm = check(tutti::Communicator::from_environment(options));
  const int last = comm.ranks() - 1;
  if (comm.rank() == last) return 0;

  std::vector<int> ones{1};
  const tutti::Status status = comm.all_reduce(ones, ones);
  expect(!status.ok(), "a sum without one rank must fail");
  expect(status.message().find("rank " + std::to_string(last)) != std::string::npos,
         "the message must name the rank that stayed away");

  auto survivors = check(comm.shrink());
  ones = {1};
  check(survivors.all_reduce(ones, ones));
  expect(survivors.ranks() == last && ones[0] == last, "the sum of the survivors");
  if (survivors.rank() == 0) {
    std::printf("%s\n%d ranks went on\n", status.to_string().c_str(), survivors.ranks());
  }
}
