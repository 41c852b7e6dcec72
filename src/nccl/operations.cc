// Reductions that callers make: sums that are multiplied first.
//
// Tested by nccl_test.cc.

#include "nccl/call.h"
#include "nccl/function.h"
#include "nccl/process.h"

namespace tutti::nccl {
namespace {

Result<PreMulSum> check(const void* scalar, ncclDataType_t datatype,
                        ncclScalarResidence_t residence, const Comm& comm) {
  if (Status status = check_type(datatype); !status.ok()) return status;
  if (scalar == nullptr) return is_null("scalar", "the address of a factor");
  const auto type = static_cast<DataType>(datatype);
  switch (residence) {
    case ncclScalarHostImmediate:
      return PreMulSum{type, read_element(scalar, type), nullptr};
    case ncclScalarDevice:
      if (!comm.is_on_device()) return PreMulSum{type, 1, scalar};
      return {Code::kNotSupported,
              "residence is ncclScalarDevice, which is not supported for memory of a GPU: expected "
              "ncclScalarHostImmediate"};
  }
  return {Code::kInvalidArgument, "residence is " + std::to_string(static_cast<int>(residence)) +
                                      ": expected ncclScalarDevice, 0, or "
                                      "ncclScalarHostImmediate, 1"};
}

ncclResult_t create(ncclRedOp_t* op, const void* scalar, ncclDataType_t datatype,
                    ncclScalarResidence_t residence, ncclComm_t handle) {
  constexpr const char* kName = "ncclRedOpCreatePreMulSum";
  const Result<std::shared_ptr<Comm>> comm = find_comm(handle);
  if (!comm.ok()) return answer(kName, comm.status());
  if (op == nullptr) return answer(kName, is_null("op", "room for an operation"));
  if (Status status = (*comm)->ready(); !status.ok()) return answer(kName, status);
  const Result<PreMulSum> operation = check(scalar, datatype, residence, **comm);
  if (!operation.ok()) return answer(kName, operation.status());
  const int number = process().operations.fetch_add(1, std::memory_order_relaxed);
  (*comm)->add_operation(number, *operation);
  *op = static_cast<ncclRedOp_t>(number);
  return ncclSuccess;
}

ncclResult_t destroy(int number, ncclComm_t handle) {
  constexpr const char* kName = "ncclRedOpDestroy";
  const auto wrong = [&](const char* what) {
    return answer(kName, {Code::kInvalidArgument, "op " + std::to_string(number) + what});
  };
  if (number < ncclNumOps) return wrong(" is built in, or none: expected one that was made");
  const Result<std::shared_ptr<Comm>> comm = find_comm(handle);
  if (!comm.ok()) return answer(kName, comm.status());
  if ((*comm)->remove_operation(number)) return ncclSuccess;
  return wrong(" is not there: expected one that was made for comm, and not destroyed");
}

}  // namespace
}  // namespace tutti::nccl

using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclRedOpCreatePreMulSum,
              (ncclRedOp_t * op, void* scalar, ncclDataType_t datatype,
               ncclScalarResidence_t residence, ncclComm_t comm)) {
  return create(op, scalar, datatype, residence, comm);
}

NCCL_FUNCTION(ncclResult_t, ncclRedOpDestroy, (ncclRedOp_t op, ncclComm_t comm)) {
  return destroy(op, comm);
}
