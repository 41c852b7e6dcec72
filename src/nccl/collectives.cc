// The calls that move data. Each is its arguments under one name; see call.h.
//
// Tested by nccl_test.cc.

#include "nccl/function.h"
#include "nccl/group.h"

namespace {

using tutti::Collective;
using tutti::nccl::Arguments;

ncclResult_t call(const Arguments& arguments) {
  return tutti::nccl::group().add(arguments.function, tutti::nccl::check(arguments));
}

}  // namespace

NCCL_FUNCTION(ncclResult_t, ncclAllReduce,
              (const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
               ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclAllReduce",
               .collective = Collective::kAllReduce,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = count,
               .datatype = datatype,
               .op = op,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclReduce,
              (const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
               ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclReduce",
               .collective = Collective::kReduce,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = count,
               .datatype = datatype,
               .op = op,
               .root = root,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclBroadcast,
              (const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
               int root, ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclBroadcast",
               .collective = Collective::kBroadcast,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = count,
               .datatype = datatype,
               .root = root,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclBcast,
              (void* buff, size_t count, ncclDataType_t datatype, int root, ncclComm_t comm,
               cudaStream_t stream)) {
  return call({.function = "ncclBcast",
               .collective = Collective::kBroadcast,
               .sendbuff = buff,
               .recvbuff = buff,
               .count = count,
               .datatype = datatype,
               .root = root,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclReduceScatter,
              (const void* sendbuff, void* recvbuff, size_t recvcount, ncclDataType_t datatype,
               ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclReduceScatter",
               .collective = Collective::kReduceScatter,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = recvcount,
               .datatype = datatype,
               .op = op,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclAllGather,
              (const void* sendbuff, void* recvbuff, size_t sendcount, ncclDataType_t datatype,
               ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclAllGather",
               .collective = Collective::kAllGather,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = sendcount,
               .datatype = datatype,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclAlltoAll,
              (const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
               ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclAlltoAll",
               .collective = Collective::kAllToAll,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = count,
               .datatype = datatype,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclGather,
              (const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
               int root, ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclGather",
               .collective = Collective::kGather,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = count,
               .datatype = datatype,
               .root = root,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclScatter,
              (const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
               int root, ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclScatter",
               .collective = Collective::kScatter,
               .sendbuff = sendbuff,
               .recvbuff = recvbuff,
               .count = count,
               .datatype = datatype,
               .root = root,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclSend,
              (const void* sendbuff, size_t count, ncclDataType_t datatype, int peer,
               ncclComm_t comm, cudaStream_t stream)) {
  return call({.function = "ncclSend",
               .collective = Collective::kSendRecv,
               .sendbuff = sendbuff,
               .count = count,
               .datatype = datatype,
               .root = peer,
               .sends = true,
               .comm = comm,
               .stream = stream});
}

NCCL_FUNCTION(ncclResult_t, ncclRecv,
              (void* recvbuff, size_t count, ncclDataType_t datatype, int peer, ncclComm_t comm,
               cudaStream_t stream)) {
  return call({.function = "ncclRecv",
               .collective = Collective::kSendRecv,
               .recvbuff = recvbuff,
               .count = count,
               .datatype = datatype,
               .root = peer,
               .sends = false,
               .comm = comm,
               .stream = stream});
}
