#include "nccl/process.h"

namespace tutti::nccl {

Process& process() {
  static Process* const only = new Process;
  return *only;
}

Result<std::shared_ptr<Comm>> find_comm(ncclComm_t handle) {
  if (handle == nullptr) return is_null("comm", "a communicator");
  auto comm = process().communicators.find(handle);
  if (comm != nullptr) return comm;
  return {Code::kInvalidArgument,
          "comm is no communicator: expected one that has not been destroyed or aborted"};
}

}  // namespace tutti::nccl
