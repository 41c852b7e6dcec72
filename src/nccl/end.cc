// How communicators end, and what can be asked of them.
//
// Tested by nccl_life_test.cc.

#include "nccl/function.h"
#include "nccl/group.h"
#include "nccl/process.h"

namespace tutti::nccl {
namespace {

// Ends once nobody is in a call of it any more, which abort() sees to.
ncclResult_t remove(const char* function, ncclComm_t handle, bool abort) {
  if (handle == nullptr) return ncclSuccess;
  const std::shared_ptr<Comm> comm = process().communicators.remove(handle);
  if (comm == nullptr) return answer(function, find_comm(handle).status());
  comm->end();
  if (abort || comm->is_beginning()) comm->abort("the communicator was aborted");
  return ncclSuccess;
}

// One of the numbers of a communicator that can be asked for them.
template <class Number>
ncclResult_t ask(const char* function, ncclComm_t handle, const char* name, int* out,
                 Number number) {
  const Result<std::shared_ptr<Comm>> comm = find_comm(handle);
  if (!comm.ok()) return answer(function, comm.status());
  if (out == nullptr) return answer(function, is_null(name, "room for a number"));
  if ((*comm)->is_beginning()) {
    return answer(function, {Code::kInvalidArgument, "comm has not begun: expected to"});
  }
  *out = number(**comm);
  return ncclSuccess;
}

}  // namespace
}  // namespace tutti::nccl

using namespace tutti;
using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclCommFinalize, (ncclComm_t comm)) {
  if (comm == nullptr) return ncclSuccess;
  const Result<std::shared_ptr<Comm>> found = find_comm(comm);
  const Status status = found.ok() ? (*found)->finalize() : found.status();
  if (!status.ok()) return answer("ncclCommFinalize", status);
  return (*found)->state() == ncclInProgress ? ncclInProgress : ncclSuccess;
}

NCCL_FUNCTION(ncclResult_t, ncclCommDestroy, (ncclComm_t comm)) {
  return remove("ncclCommDestroy", comm, /*abort=*/false);
}

NCCL_FUNCTION(ncclResult_t, ncclCommAbort, (ncclComm_t comm)) {
  return remove("ncclCommAbort", comm, /*abort=*/true);
}

NCCL_FUNCTION(ncclResult_t, ncclCommRevoke, (ncclComm_t comm, int revokeFlags)) {
  if (comm == nullptr) return ncclSuccess;
  const Result<std::shared_ptr<Comm>> found = find_comm(comm);
  if (!found.ok()) return answer("ncclCommRevoke", found.status());
  if (revokeFlags != NCCL_REVOKE_DEFAULT) {
    return answer(
        "ncclCommRevoke",
        {Code::kInvalidArgument, "revokeFlags is " + std::to_string(revokeFlags) + ": expected 0"});
  }
  return answer("ncclCommRevoke", (*found)->revoke());
}

NCCL_FUNCTION(ncclResult_t, ncclCommGetAsyncError, (ncclComm_t comm, ncclResult_t* asyncError)) {
  const Result<std::shared_ptr<Comm>> found = find_comm(comm);
  if (!found.ok()) return answer("ncclCommGetAsyncError", found.status());
  if (asyncError == nullptr) {
    return answer("ncclCommGetAsyncError", is_null("asyncError", "room for a code"));
  }
  *asyncError = (*found)->state();
  return ncclSuccess;
}

NCCL_FUNCTION(ncclResult_t, ncclCommCount, (const ncclComm_t comm, int* count)) {
  return ask("ncclCommCount", comm, "count", count, [](Comm& c) { return c.ranks(); });
}

NCCL_FUNCTION(ncclResult_t, ncclCommUserRank, (const ncclComm_t comm, int* rank)) {
  return ask("ncclCommUserRank", comm, "rank", rank, [](Comm& c) { return c.rank(); });
}

NCCL_FUNCTION(ncclResult_t, ncclCommCuDevice, (const ncclComm_t comm, int* device)) {
  return ask("ncclCommCuDevice", comm, "device", device, [](Comm& c) { return c.device(); });
}

NCCL_FUNCTION(ncclResult_t, ncclGetVersion, (int* version)) {
  if (version == nullptr) return answer("ncclGetVersion", is_null("version", "room for a number"));
  const Result<Options> options = Options::from_environment();
  if (options.ok()) *version = options->nccl_version;
  return answer("ncclGetVersion", options.status());
}

NCCL_FUNCTION(void, ncclResetDebugInit, (void)) {}
