// What functions that make communicators share.

#pragma once

#include "nccl/group.h"

namespace tutti::nccl {

/// Gives `comm` a handle, and puts the job that makes its communicator into this thread's group.
/// `make` may wait for other ranks. Where it fails and the communicator is blocking, the handle is
/// taken back and *handle is NULL; otherwise ncclCommGetAsyncError() says what came of it.
/// `dropped` is called instead of `make` where the group is not run.
ncclResult_t begin_comm(const char* function, std::shared_ptr<Comm> comm, ncclComm_t* handle,
                        std::function<Result<Communicator>()> make,
                        std::function<void()> dropped = {});

}  // namespace tutti::nccl
