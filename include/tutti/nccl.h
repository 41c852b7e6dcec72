/* The door from NCCL: the C interface of NCCL 2.28, answered by Tutti.
 *
 *   #include <tutti/nccl.h>          instead of <nccl.h>; link libnccl.so.2 of this project
 *   LD_PRELOAD=…/libnccl.so.2        for programs that are built against NVIDIA's
 *
 * Needs no CUDA, neither to compile nor to run. With a GPU a call is put on its stream, as with
 * NCCL. Without one, buffers are memory of the host and streams are ignored: a call has happened
 * when it returns, or the ncclGroupEnd() around it.
 *
 * What is answered how, and what differs from NCCL: docs/nccl.md. C99 and C++11.
 * Tested by nccl_test.cc, nccl_life_test.cc, nccl_arguments_test.cc, nccl_device_test.cc,
 * nccl_abi_test.cc and nccl_differential_test.cc.
 */

#ifndef NCCL_H_ /* NVIDIA's guard: a program sees one of the two headers, whichever comes first */
#define NCCL_H_

#include <limits.h>
#include <stddef.h>

#define NCCL_MAJOR 2
#define NCCL_MINOR 28
#define NCCL_PATCH 9
#define NCCL_SUFFIX ""
/* Two decimal digits each for minor and patch; up to 2.8 there was one for the minor. */
#define NCCL_VERSION(major, minor, patch)                              \
  ((major) <= 2 && (minor) <= 8 ? (major)*1000 + (minor)*100 + (patch) \
                                : (major)*10000 + (minor)*100 + (patch))
#define NCCL_VERSION_CODE 22809

#ifdef __cplusplus
extern "C" {
#endif

/* CUDA's own declaration of it, which may be repeated. */
typedef struct CUstream_st* cudaStream_t;

/* In C any int is a value of an enumeration, also one that a caller got wrong. In C++ likewise. */
#ifdef __cplusplus
#define NCCL_OF_INT : int
#else
#define NCCL_OF_INT
#endif

/* ---- Handles. They are names, not addresses: one that has ended is an error, never a crash. */

typedef struct ncclComm* ncclComm_t;
#define NCCL_COMM_NULL NULL
typedef struct ncclWindow_vidmem* ncclWindow_t;

#define NCCL_UNIQUE_ID_BYTES 128
typedef struct {
  char internal[NCCL_UNIQUE_ID_BYTES];
} ncclUniqueId;

/* ---- Answers */

typedef enum NCCL_OF_INT {
  ncclSuccess = 0,
  ncclUnhandledCudaError = 1, /* CUDA refused memory */
  ncclSystemError = 2,        /* the operating system refused */
  ncclInternalError = 3,
  ncclInvalidArgument = 4, /* this rank's call is wrong: nothing was sent */
  ncclInvalidUsage = 5,    /* not supported, or ranks called different things */
  ncclRemoteError = 6,     /* a peer is lost, late, or has aborted */
  ncclInProgress = 7,      /* of non-blocking communicators: ask ncclCommGetAsyncError() */
  ncclNumResults = 8
} ncclResult_t;

/* What a code means, in NCCL's words; what was wrong, in a sentence. The sentence is of the last
 * call that failed: of `comm` where it has one, else of the process. It stays until this thread
 * asks again. */
const char* ncclGetErrorString(ncclResult_t result);
const char* ncclGetLastError(ncclComm_t comm);

/* 22809, or what TUTTI_NCCL_VERSION says. */
ncclResult_t ncclGetVersion(int* version);

/* Does nothing: TUTTI_LOG is read when a communicator is made. */
void ncclResetDebugInit(void);

/* ---- Elements and reductions */

typedef enum NCCL_OF_INT {
  ncclInt8 = 0,
  ncclChar = ncclInt8,
  ncclUint8 = 1,
  ncclInt32 = 2,
  ncclInt = ncclInt32,
  ncclUint32 = 3,
  ncclInt64 = 4,
  ncclUint64 = 5,
  ncclFloat16 = 6,
  ncclHalf = ncclFloat16,
  ncclFloat32 = 7,
  ncclFloat = ncclFloat32,
  ncclFloat64 = 8,
  ncclDouble = ncclFloat64,
  ncclBfloat16 = 9,
  ncclFloat8e4m3 = 10,
  ncclFloat8e5m2 = 11,
  ncclNumTypes = 12
} ncclDataType_t;

typedef enum NCCL_OF_INT {
  ncclSum = 0,
  ncclProd = 1,
  ncclMax = 2,
  ncclMin = 3,
  ncclAvg = 4,
  ncclNumOps = 5, /* and all above: made by ncclRedOpCreatePreMulSum() */
  ncclMaxRedOp = INT_MAX
} ncclRedOp_t;

typedef enum NCCL_OF_INT {
  ncclScalarDevice = 0,       /* read while the collective runs */
  ncclScalarHostImmediate = 1 /* read before the operation has been made */
} ncclScalarResidence_t;

/* The sum of *scalar times each input. For collectives on `comm` and `datatype` only. */
ncclResult_t ncclRedOpCreatePreMulSum(ncclRedOp_t* op, void* scalar, ncclDataType_t datatype,
                                      ncclScalarResidence_t residence, ncclComm_t comm);
/* As soon as the last call that uses it has returned, inside a group too. */
ncclResult_t ncclRedOpDestroy(ncclRedOp_t op, ncclComm_t comm);

/* ---- Beginning. Collective over the ranks; calls of one thread for several ranks want a group. */

#define NCCL_CONFIG_UNDEF_INT INT_MIN
#define NCCL_CONFIG_UNDEF_PTR NULL
#define NCCL_UNDEF_FLOAT -1.0f

#define NCCL_CTA_POLICY_DEFAULT 0
#define NCCL_CTA_POLICY_EFFICIENCY 1
#define NCCL_CTA_POLICY_ZERO 2

/* Only `blocking` means something here, and `commName` in messages; the others are checked, and
 * hints to kernels and networks of NCCL's. */
typedef struct ncclConfig_v22800 {
  size_t size; /* these three by NCCL_CONFIG_INITIALIZER */
  unsigned int magic;
  unsigned int version;
  int blocking;
  int cgaClusterSize;
  int minCTAs;
  int maxCTAs;
  const char* netName;
  int splitShare;
  int trafficClass;
  const char* commName;
  int collnetEnable;
  int CTAPolicy;
  int shrinkShare;
  int nvlsCTAs;
  int nChannelsPerNetPeer;
  int nvlinkCentricSched;
} ncclConfig_t;

#define NCCL_CONFIG_INITIALIZER                                                    \
  {                                                                                \
    sizeof(ncclConfig_t), 0xcafebeef, NCCL_VERSION_CODE, /* blocking to maxCTAs */ \
        NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT,       \
        NCCL_CONFIG_UNDEF_INT, /* netName to commName */                           \
        NCCL_CONFIG_UNDEF_PTR, NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT,       \
        NCCL_CONFIG_UNDEF_PTR, /* collnetEnable to nvlinkCentricSched */           \
        NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT,       \
        NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT        \
  }

/* Opens a place to meet in the calling process, until the ranks have met. An id serves one
 * communicator. */
ncclResult_t ncclGetUniqueId(ncclUniqueId* uniqueId);

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank);
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank,
                                    ncclConfig_t* config);
/* Several ids for one communicator, the same on all ranks. The first is where they meet. */
ncclResult_t ncclCommInitRankScalable(ncclComm_t* newcomm, int nranks, int myrank, int nId,
                                      ncclUniqueId* commIds, ncclConfig_t* config);
/* All ranks in this process: rank i on device devlist[i], or i. */
ncclResult_t ncclCommInitAll(ncclComm_t* comm, int ndev, const int* devlist);

/* ---- Communicators of communicators. `config` NULL: as the parent's. */

#define NCCL_SPLIT_NOCOLOR -1
ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* newcomm,
                           ncclConfig_t* config);

#define NCCL_SHRINK_DEFAULT 0
#define NCCL_SHRINK_ABORT 1 /* ends what the parent is doing, or failed to do, first */
/* Called by the ranks that are not excluded. */
ncclResult_t ncclCommShrink(ncclComm_t comm, int* excludeRanksList, int excludeRanksCount,
                            ncclComm_t* newcomm, ncclConfig_t* config, int shrinkFlags);

/* ---- Ending */

/* No calls after it but ncclCommDestroy(), ncclCommAbort() and questions. */
ncclResult_t ncclCommFinalize(ncclComm_t comm);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
/* Ends what the communicator is doing, on every rank, and the communicator. Always returns. */
ncclResult_t ncclCommAbort(ncclComm_t comm);

#define NCCL_REVOKE_DEFAULT 0
/* Ends what the communicator is doing, on every rank; it can be destroyed, split and shrunk. */
ncclResult_t ncclCommRevoke(ncclComm_t comm, int revokeFlags);

/* ---- Questions */

/* ncclInProgress, or what has gone wrong with the communicator. */
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* asyncError);
ncclResult_t ncclCommCount(const ncclComm_t comm, int* count);
ncclResult_t ncclCommUserRank(const ncclComm_t comm, int* rank);
/* -1 without a GPU, unless ncclCommInitAll() was told another number. */
ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int* device);

/* ---- Collectives. Counts are elements of one part; in place as NCCL says. */

ncclResult_t ncclAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                           ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                           cudaStream_t stream);
ncclResult_t ncclReduce(const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclBroadcast(const void* sendbuff, void* recvbuff, size_t count,
                           ncclDataType_t datatype, int root, ncclComm_t comm, cudaStream_t stream);
/* ncclBroadcast() in place. */
ncclResult_t ncclBcast(void* buff, size_t count, ncclDataType_t datatype, int root, ncclComm_t comm,
                       cudaStream_t stream);
/* In place: recvbuff is sendbuff + rank * recvcount. */
ncclResult_t ncclReduceScatter(const void* sendbuff, void* recvbuff, size_t recvcount,
                               ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                               cudaStream_t stream);
/* In place: sendbuff is recvbuff + rank * sendcount. */
ncclResult_t ncclAllGather(const void* sendbuff, void* recvbuff, size_t sendcount,
                           ncclDataType_t datatype, ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclAlltoAll(const void* sendbuff, void* recvbuff, size_t count,
                          ncclDataType_t datatype, ncclComm_t comm, cudaStream_t stream);
/* In place, on the root: sendbuff is recvbuff + root * count. */
ncclResult_t ncclGather(const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
                        int root, ncclComm_t comm, cudaStream_t stream);
/* In place, on the root: recvbuff is sendbuff + root * count. */
ncclResult_t ncclScatter(const void* sendbuff, void* recvbuff, size_t count,
                         ncclDataType_t datatype, int root, ncclComm_t comm, cudaStream_t stream);

ncclResult_t ncclSend(const void* sendbuff, size_t count, ncclDataType_t datatype, int peer,
                      ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclRecv(void* recvbuff, size_t count, ncclDataType_t datatype, int peer,
                      ncclComm_t comm, cudaStream_t stream);

/* ---- Groups of calls, of one thread. They nest; the outermost end runs all of them at once. */

ncclResult_t ncclGroupStart(void);
ncclResult_t ncclGroupEnd(void);

typedef struct ncclSimInfo_v22200 {
  size_t size; /* these three by NCCL_SIM_INFO_INITIALIZER */
  unsigned int magic;
  unsigned int version;
  float estimatedTime; /* microseconds */
} ncclSimInfo_t;

#define NCCL_SIM_INFO_INITIALIZER \
  { sizeof(ncclSimInfo_t), 0x74685283, NCCL_VERSION_CODE, NCCL_UNDEF_FLOAT }

/* Ends the group without running it, and says how long it would take. */
ncclResult_t ncclGroupSimulateEnd(ncclSimInfo_t* simInfo);

/* ---- Memory */

/* Of the current device, or of the host where there is none. */
ncclResult_t ncclMemAlloc(void** ptr, size_t size);
ncclResult_t ncclMemFree(void* ptr);

/* Buffers are found by their addresses when they are used, so that these need not do anything;
 * they check, and keep account. */
ncclResult_t ncclCommRegister(const ncclComm_t comm, void* buff, size_t size, void** handle);
ncclResult_t ncclCommDeregister(const ncclComm_t comm, void* handle);

#define NCCL_WIN_DEFAULT 0
#define NCCL_WIN_COLL_SYMMETRIC 1
#define NCCL_WIN_REQUIRED_ALIGNMENT 4096
ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void* buff, size_t size, ncclWindow_t* win,
                                    int winFlags);
ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t win);

/* ---- What kernels would call. Not supported: each answers ncclInvalidUsage, or nothing at all (a
 * team of no ranks, no slots, rank -1), and says so in ncclGetLastError(). */

typedef struct ncclTeam {
  int nRanks;
  int rank;
  int stride;
} ncclTeam_t;
struct ncclDevComm;
struct ncclDevCommRequirements;
struct ncclDevResourceRequirements;
struct ncclLsaBarrierHandle;
struct ncclGinBarrierHandle;
struct ncclLLA2AHandle;

ncclResult_t ncclDevCommCreate(ncclComm_t comm, const struct ncclDevCommRequirements* requirements,
                               struct ncclDevComm* devComm);
ncclResult_t ncclDevCommDestroy(ncclComm_t comm, const struct ncclDevComm* devComm);
ncclTeam_t ncclTeamWorld(ncclComm_t comm);
ncclTeam_t ncclTeamLsa(ncclComm_t comm);
ncclTeam_t ncclTeamRail(ncclComm_t comm);
int ncclTeamRankToWorld(ncclComm_t comm, ncclTeam_t team, int rank);
int ncclTeamRankToLsa(ncclComm_t comm, ncclTeam_t team, int rank);
ncclResult_t ncclLsaBarrierCreateRequirement(ncclTeam_t team, int nBarriers,
                                             struct ncclLsaBarrierHandle* handle,
                                             struct ncclDevResourceRequirements* requirements);
ncclResult_t ncclGinBarrierCreateRequirement(ncclComm_t comm, ncclTeam_t team, int nBarriers,
                                             struct ncclGinBarrierHandle* handle,
                                             struct ncclDevResourceRequirements* requirements);
int ncclLLA2ACalcSlots(int maxElts, int maxEltSize);
ncclResult_t ncclLLA2ACreateRequirement(int nBlocks, int nSlots, struct ncclLLA2AHandle* handle,
                                        struct ncclDevResourceRequirements* requirements);

/* ---- Every function a second time, for profilers: theirs may take the place of ncclX, and calls
 * pncclX, which is the same function. */

#define NCCL_PROFILED(name) extern __typeof__(nccl##name) pnccl##name
NCCL_PROFILED(AllGather);
NCCL_PROFILED(AllReduce);
NCCL_PROFILED(AlltoAll);
NCCL_PROFILED(Bcast);
NCCL_PROFILED(Broadcast);
NCCL_PROFILED(CommAbort);
NCCL_PROFILED(CommCount);
NCCL_PROFILED(CommCuDevice);
NCCL_PROFILED(CommDeregister);
NCCL_PROFILED(CommDestroy);
NCCL_PROFILED(CommFinalize);
NCCL_PROFILED(CommGetAsyncError);
NCCL_PROFILED(CommInitAll);
NCCL_PROFILED(CommInitRank);
NCCL_PROFILED(CommInitRankConfig);
NCCL_PROFILED(CommInitRankScalable);
NCCL_PROFILED(CommRegister);
NCCL_PROFILED(CommRevoke);
NCCL_PROFILED(CommShrink);
NCCL_PROFILED(CommSplit);
NCCL_PROFILED(CommUserRank);
NCCL_PROFILED(CommWindowDeregister);
NCCL_PROFILED(CommWindowRegister);
NCCL_PROFILED(DevCommCreate);
NCCL_PROFILED(DevCommDestroy);
NCCL_PROFILED(Gather);
NCCL_PROFILED(GetErrorString);
NCCL_PROFILED(GetLastError);
NCCL_PROFILED(GetUniqueId);
NCCL_PROFILED(GetVersion);
NCCL_PROFILED(GinBarrierCreateRequirement);
NCCL_PROFILED(GroupEnd);
NCCL_PROFILED(GroupSimulateEnd);
NCCL_PROFILED(GroupStart);
NCCL_PROFILED(LLA2ACalcSlots);
NCCL_PROFILED(LLA2ACreateRequirement);
NCCL_PROFILED(LsaBarrierCreateRequirement);
NCCL_PROFILED(MemAlloc);
NCCL_PROFILED(MemFree);
NCCL_PROFILED(Recv);
NCCL_PROFILED(RedOpCreatePreMulSum);
NCCL_PROFILED(RedOpDestroy);
NCCL_PROFILED(Reduce);
NCCL_PROFILED(ReduceScatter);
NCCL_PROFILED(ResetDebugInit);
NCCL_PROFILED(Scatter);
NCCL_PROFILED(Send);
NCCL_PROFILED(TeamLsa);
NCCL_PROFILED(TeamRail);
NCCL_PROFILED(TeamRankToLsa);
NCCL_PROFILED(TeamRankToWorld);
NCCL_PROFILED(TeamWorld);
#undef NCCL_PROFILED
#undef NCCL_OF_INT

#ifdef __cplusplus
}
#endif

#endif
