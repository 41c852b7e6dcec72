// From the arguments of NCCL's collectives to a Call, or to a sentence about the argument that is
// wrong. Everything that one rank can know is found here, when the function is called: a group that
// has begun on some communicators cannot be taken back.
//
// Tested by nccl_test.cc and nccl_arguments_test.cc.

#pragma once

#include <memory>
#include <optional>

#include "nccl/comm.h"

namespace tutti::nccl {

/// A function's arguments under NCCL's names; those it does not have stay as they are.
struct Arguments {
  const char* function;
  Collective collective;
  const void* sendbuff = nullptr;
  void* recvbuff = nullptr;
  std::size_t count = 0;
  ncclDataType_t datatype = ncclInt8;
  ncclRedOp_t op = ncclSum;
  int root = 0;       // or peer
  bool sends = true;  // ncclSend, ncclRecv
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
};

/// A call that can be made.
struct CheckedCall {
  std::shared_ptr<Comm> comm;
  Call call;
  std::optional<PreMulSum> operation;  // its factor is read as late as can be
  void* stream = nullptr;

  /// With the factor.
  Call complete() const;
};

Result<CheckedCall> check(const Arguments& arguments);

Status check_type(ncclDataType_t datatype);

}  // namespace tutti::nccl
