// Buffers that callers announce: ncclCommRegister() and windows.
//
// Tested by nccl_arguments_test.cc.

#include <cstdint>

#include "nccl/function.h"
#include "nccl/process.h"

namespace tutti::nccl {
namespace {

Result<std::shared_ptr<Comm>> check(ncclComm_t handle, const void* buffer, std::size_t bytes,
                                    bool has_room, const char* room) {
  Result<std::shared_ptr<Comm>> comm = find_comm(handle);
  if (!comm.ok()) return comm.status();
  if (!has_room) return is_null(room, "room for a handle");
  if (Status status = (*comm)->ready(); !status.ok()) return status;
  if (buffer == nullptr) return is_null("buff", "memory to announce");
  if (bytes > 0) return comm;
  return {Code::kInvalidArgument, "size is 0: expected bytes to announce"};
}

ncclResult_t add(ncclComm_t comm, void* buffer, std::size_t bytes, void** handle) {
  constexpr const char* kName = "ncclCommRegister";
  const auto found = check(comm, buffer, bytes, handle != nullptr, "handle");
  if (!found.ok()) return answer(kName, found.status());
  *handle =
      (*found)->registrations.add(std::make_shared<Registration>(Registration{buffer, bytes}));
  return ncclSuccess;
}

ncclResult_t add_window(ncclComm_t comm, void* buffer, std::size_t bytes, ncclWindow_t* window,
                        int flags) {
  constexpr const char* kName = "ncclCommWindowRegister";
  const auto found = check(comm, buffer, bytes, window != nullptr, "win");
  if (!found.ok()) return answer(kName, found.status());
  if (flags != NCCL_WIN_DEFAULT && flags != NCCL_WIN_COLL_SYMMETRIC) {
    return answer(kName, {Code::kInvalidArgument,
                          "winFlags is " + std::to_string(flags) + ": expected 0 or 1"});
  }
  if (reinterpret_cast<std::uintptr_t>(buffer) % NCCL_WIN_REQUIRED_ALIGNMENT != 0) {
    return answer(kName, {Code::kInvalidArgument, "buff is not aligned: expected a multiple of " +
                                                      std::to_string(NCCL_WIN_REQUIRED_ALIGNMENT)});
  }
  *window = (*found)->windows.add(std::make_shared<Registration>(Registration{buffer, bytes}));
  return ncclSuccess;
}

// Whether it was there is known by what is removed.
template <class Book, class Handle>
ncclResult_t remove(const char* function, ncclComm_t comm, Book Comm::*book, Handle handle,
                    const char* name) {
  const Result<std::shared_ptr<Comm>> found = find_comm(comm);
  if (!found.ok()) return answer(function, found.status());
  if (((**found).*book).remove(handle) != nullptr) return ncclSuccess;
  return answer(function, {Code::kInvalidArgument,
                           std::string(name) + " is not of comm: expected one that is registered"});
}

}  // namespace
}  // namespace tutti::nccl

using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclCommRegister,
              (const ncclComm_t comm, void* buff, size_t size, void** handle)) {
  return add(comm, buff, size, handle);
}

NCCL_FUNCTION(ncclResult_t, ncclCommDeregister, (const ncclComm_t comm, void* handle)) {
  return remove("ncclCommDeregister", comm, &Comm::registrations, handle, "handle");
}

NCCL_FUNCTION(ncclResult_t, ncclCommWindowRegister,
              (ncclComm_t comm, void* buff, size_t size, ncclWindow_t* win, int winFlags)) {
  return add_window(comm, buff, size, win, winFlags);
}

NCCL_FUNCTION(ncclResult_t, ncclCommWindowDeregister, (ncclComm_t comm, ncclWindow_t win)) {
  if (win == nullptr) return ncclSuccess;  // what NCCL gives where it makes no windows
  return remove("ncclCommWindowDeregister", comm, &Comm::windows, win, "win");
}
