#include <tutti/tutti.h>

#include <cstdio>
#include <vector>

int main() {
  auto comm = tutti::Communicator::from_environment();  // under mpirun, srun or torchrun
  if (!comm.ok()) return std::puts(comm.status().to_string().c_str()), 1;

  std::vector<float> gradient(1'000'000, static_cast<float>(comm->rank()));
  tutti::Status status = comm->all_reduce(gradient, gradient, tutti::Reduction::kAvg);
  std::printf("rank %d of %d: %s, average %g\n", comm->rank(), comm->ranks(),
              status.to_string().c_str(), gradient[0]);
  return status.ok() ? 0 : 1;
}
