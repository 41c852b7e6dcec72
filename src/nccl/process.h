// What a process has of the door. A C interface without a context to pass leaves no other place:
// these, and the group of each thread (group.h), are the only variables outside of objects.

#pragma once

#include <atomic>

#include "nccl/comm.h"
#include "nccl/errors.h"
#include "nccl/handles.h"
#include "nccl/meetings.h"
#include "nccl/memory.h"

namespace tutti::nccl {

struct Process {
  Handles<ncclComm_t, Comm> communicators;
  Meetings meetings;
  MemoryBook memory;
  LastError last_error;
  std::atomic<int> operations{ncclNumOps};  // the next ncclRedOp_t; relaxed: only a number
};

/// Never destroyed: threads of communicators that were aborted may outlive main().
Process& process();

/// The communicator of a handle, for the function that was given it.
Result<std::shared_ptr<Comm>> find_comm(ncclComm_t handle);

}  // namespace tutti::nccl
