#include "nccl/errors.h"

#include "nccl/function.h"
#include "nccl/process.h"

namespace tutti::nccl {

ncclResult_t code_of(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return ncclSuccess;
    case Code::kInvalidArgument:
      return ncclInvalidArgument;
    case Code::kMismatch:
    case Code::kNotSupported:
      return ncclInvalidUsage;
    case Code::kTimeout:  // NCCL has no deadlines before 2.30, and no code for them
    case Code::kPeerLost:
    case Code::kAborted:
      return ncclRemoteError;
    case Code::kSystem:
      return ncclSystemError;
  }
  return ncclInternalError;
}

ncclResult_t answer(const char* name, const Status& status) {
  if (!status.ok()) process().last_error.set(std::string(name) + ": " + status.message());
  return code_of(status);
}

void LastError::set(std::string sentence) {
  const std::lock_guard lock(mutex_);
  sentence_ = std::move(sentence);
}

std::string LastError::get() const {
  const std::lock_guard lock(mutex_);
  return sentence_;
}

Status is_null(const std::string& argument, const std::string& expected) {
  return {Code::kInvalidArgument, argument + " is NULL: expected " + expected};
}

}  // namespace tutti::nccl

using namespace tutti::nccl;

NCCL_FUNCTION(const char*, ncclGetErrorString, (ncclResult_t result)) {
  // Programs compare and print these: NCCL's words, its advice included.
  switch (static_cast<int>(result)) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError:
      return "internal error - please report this issue to the NCCL developers";
    case ncclInvalidArgument:
      return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage:
      return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
  }
  return "unknown result code";
}

NCCL_FUNCTION(const char*, ncclGetLastError, (ncclComm_t comm)) {
  // The caller's copy, so that another thread's error does not change it under his eyes.
  thread_local std::string kept;
  const auto known = process().communicators.find(comm);
  kept = known != nullptr ? known->failure().message() : "";
  if (kept.empty()) kept = process().last_error.get();
  return kept.c_str();
}
