// Checks tutti::from_mpi in a program of some MPI: ranks keep the MPI communicator's order, also
// where that is not the world's, and results equal MPI's own. Started by mpi_door_test_* with a
// launcher; exits with 0 on every rank when all is right.

#include <tutti/mpi.h>

#include <cstdio>
#include <vector>

namespace {

int failures = 0;

void expect(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "mpi_door: %s\n", what);
  ++failures;
}

// Sums and gathers over `mpi` by both libraries.
void compare(MPI_Comm mpi) {
  auto comm = tutti::from_mpi(mpi);
  if (!comm.ok()) return expect(false, comm.status().to_string().c_str());
  int rank = 0, ranks = 0;
  MPI_Comm_rank(mpi, &rank);
  MPI_Comm_size(mpi, &ranks);
  expect(comm->rank() == rank && comm->ranks() == ranks, "rank and ranks are MPI's");

  const std::vector<int> mine{rank * rank, 7 - rank};
  std::vector<int> sum(2), mpi_sum(2), all(2 * ranks), mpi_all(2 * ranks);
  expect(comm->all_reduce(mine, sum).ok(), "all_reduce succeeds");
  MPI_Allreduce(mine.data(), mpi_sum.data(), 2, MPI_INT, MPI_SUM, mpi);
  expect(sum == mpi_sum, "all_reduce equals MPI_Allreduce");
  expect(comm->all_gather(mine, all).ok(), "all_gather succeeds");
  MPI_Allgather(mine.data(), 2, MPI_INT, mpi_all.data(), 2, MPI_INT, mpi);
  expect(all == mpi_all, "all_gather equals MPI_Allgather");
}

// A bad interface at rank 0 must fail on every rank: nobody is left waiting.
void fail_together(MPI_Comm mpi) {
  int rank = 0;
  MPI_Comm_rank(mpi, &rank);
  tutti::Options options;
  if (rank == 0) options.interface = "no such interface";
  expect(!tutti::from_mpi(mpi, options).ok(), "a failure of rank 0 is a failure of all");
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm reversed = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, /*color=*/0, /*key=*/-rank, &reversed);

  compare(MPI_COMM_WORLD);
  compare(reversed);
  compare(MPI_COMM_SELF);
  fail_together(MPI_COMM_WORLD);

  MPI_Comm_free(&reversed);
  MPI_Finalize();
  return failures == 0 ? 0 : 1;
}
