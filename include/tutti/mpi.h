// The door from MPI: a communicator of the ranks of an MPI_Comm.
//
//   MPI_Init(&argc, &argv);
//   auto comm = tutti::from_mpi(MPI_COMM_WORLD);
//
// A header only: it is compiled against the MPI of the program (Open MPI, MPICH), and the library
// itself needs none. MPI serves to pass the id round and is not used afterwards; the communicator
// may outlive the MPI_Comm, and MPI itself.
//
// Tested by tests/mpi_door.

#pragma once

#include <mpi.h>

#include <utility>

#include "tutti/tutti.h"

namespace tutti {

/// Collective over `comm`, whose order of ranks is kept. When one rank fails, all do.
inline Result<Communicator> from_mpi(MPI_Comm comm, const Options& options = {}) {
  // What rank 0 tells the others. Plain bytes: every rank has the same architecture.
  struct Letter {
    UniqueId id;
    bool written = false;
  };
  int rank = 0;
  int ranks = 0;
  if (MPI_Comm_rank(comm, &rank) != MPI_SUCCESS || MPI_Comm_size(comm, &ranks) != MPI_SUCCESS) {
    return Status(Code::kInvalidArgument, "from_mpi: MPI does not know this communicator");
  }

  Letter letter;
  Result<Invitation> invitation = Invitation();
  if (rank == 0) {
    BootstrapOptions meeting;
    meeting.interface = options.interface;
    meeting.start_timeout = options.start_timeout;
    invitation = make_unique_id(meeting);
    if (invitation.ok()) letter = {invitation->id, true};
  }
  if (MPI_Bcast(&letter, sizeof(letter), MPI_BYTE, /*root=*/0, comm) != MPI_SUCCESS) {
    return Status(Code::kSystem, "from_mpi: MPI_Bcast of the unique id failed");
  }
  if (!invitation.ok()) return invitation.status();
  if (!letter.written) {
    return Status(Code::kSystem, "from_mpi: rank 0 could not open a place to meet; it says why");
  }
  // The place to meet stays open until this rank has met all others.
  return Communicator::create(letter.id, rank, ranks, options);
}

}  // namespace tutti
