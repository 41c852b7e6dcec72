// From statuses to NCCL's codes. Inside, the door speaks Status; at its functions the code goes to
// the caller and the sentence is kept for ncclGetLastError().
//
// Tested by nccl_arguments_test.cc.

#pragma once

#include <mutex>
#include <string>

#include "tutti/nccl.h"
#include "tutti/status.h"

namespace tutti::nccl {

/// NCCL's code for what went wrong.
ncclResult_t code_of(const Status& status);

/// The same, keeping the sentence where there is one, as of the function `name`.
ncclResult_t answer(const char* name, const Status& status);

/// The last sentence of the process.
class LastError {
 public:
  void set(std::string sentence);
  std::string get() const;

 private:
  mutable std::mutex mutex_;
  std::string sentence_;
};

/// kInvalidArgument: `argument` is null.
Status is_null(const std::string& argument, const std::string& expected);

}  // namespace tutti::nccl
