// Communication behind computation, as in the backward pass of a trainer: layer after layer is
// computed, and the gradients of those already done are averaged meanwhile.
//
//   mpirun -n 2 build/release/examples/04_nonblocking_and_groups

#include <vector>

#include "check.h"

namespace {

constexpr int kLayers = 8;
constexpr std::size_t kParameters = 100'000;

// Stands for the computation of a layer's gradient.
std::vector<float> backward(int layer, int rank) {
  return std::vector<float>(kParameters, static_cast<float>(layer + rank));
}

}  // namespace

int main() {
  auto comm = check(tutti::Communicator::from_environment());
  const float mean_rank = 0.5f * static_cast<float>(comm.ranks() - 1);

  // A buffer must live, and stay untouched, until its call has ended.
  std::vector<std::vector<float>> gradients(kLayers);
  std::vector<tutti::Request> requests;
  for (int layer = kLayers - 1; layer >= 0; --layer) {
    std::vector<float>& gradient = gradients[layer] = backward(layer, comm.rank());
    requests.push_back(
        check(comm.start(tutti::all_reduce(gradient, gradient, tutti::Reduction::kAvg))));
  }
  check(tutti::wait_all(requests));
  for (int layer = 0; layer < kLayers; ++layer) {
    expect(gradients[layer][0] == static_cast<float>(layer) + mean_rank, "an averaged gradient");
  }

  // A group is one call: several collectives, or sends and receives, that go together.
  std::vector<float> loss{static_cast<float>(comm.rank())};
  std::vector<int> step{comm.rank() == 0 ? 7 : 0};
  check(comm.run({tutti::all_reduce(loss, loss, tutti::Reduction::kAvg),
                  tutti::broadcast(step, step, /*root=*/0)}));
  expect(loss[0] == mean_rank && step[0] == 7, "the group");

  if (comm.rank() == 0) std::printf("%d gradients averaged, step %d\n", kLayers, step[0]);
}
