// Inside an MPI program: a communicator made from an MPI_Comm, beside MPI's own calls.
//
//   mpirun -n 4 build/release/examples/02_mpi_door

#include <tutti/mpi.h>

#include <vector>

#include "check.h"

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  {
    auto comm = check(tutti::from_mpi(MPI_COMM_WORLD));

    std::vector<double> mine{1.5 * comm.rank(), -1.0};
    std::vector<double> by_tutti(2), by_mpi(2);
    check(comm.all_reduce(mine, by_tutti, tutti::Reduction::kMax));
    MPI_Allreduce(mine.data(), by_mpi.data(), 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);

    expect(by_tutti == by_mpi, "the maximum");
    if (comm.rank() == 0) std::printf("both say %g\n", by_tutti[0]);
  }  // the communicator ends before MPI does
  MPI_Finalize();
}
