// An MPI as a library to compare with. Compiled once for each MPI found.
//
// "The same call" means the same result: MPI_Bcast is in place always, so the root of a broadcast
// out of place copies its input to its output as well; MPI_Reduce_scatter_block in place leaves its
// result at the front of the buffer, not in the rank's own part, which takes the same time.

#include <mpi.h>

#include <climits>
#include <cstring>

#include "vs.h"

namespace {

int ranks = 0;
int my_rank = 0;
bool started_here = false;
char library_name[MPI_MAX_LIBRARY_VERSION_STRING];

// In the order of tutti::DataType.
MPI_Datatype reducible_type(int type) {
  const MPI_Datatype types[] = {
      MPI_INT8_T,        MPI_UINT8_T,       MPI_INT32_T, MPI_UINT32_T, MPI_INT64_T,
      MPI_UINT64_T,      MPI_DATATYPE_NULL, MPI_FLOAT,   MPI_DOUBLE,   MPI_DATATYPE_NULL,
      MPI_DATATYPE_NULL, MPI_DATATYPE_NULL, MPI_INT16_T, MPI_UINT16_T};
  return types[type];
}

// In the order of tutti::Reduction; avg, mulsum and user have no counterpart.
MPI_Op op_of(int op) {
  const MPI_Op ops[] = {MPI_SUM, MPI_PROD, MPI_MAX,  MPI_MIN, MPI_OP_NULL, MPI_OP_NULL, MPI_BAND,
                        MPI_BOR, MPI_BXOR, MPI_LAND, MPI_LOR, MPI_LXOR,    MPI_OP_NULL};
  return ops[op];
}

// In the order of tutti::Collective.
enum Collective {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  kBroadcast,
  kReduce,
  kGather,
  kScatter,
  kBarrier,
  kSendRecv,
  kScan,
  kExclusiveScan
};

bool reduces(int collective) {
  return collective == kAllReduce || collective == kReduceScatter || collective == kReduce ||
         collective == kScan || collective == kExclusiveScan;
}

int start(int* rank, int* size) {
  int running = 0;
  MPI_Initialized(&running);
  if (!running) {
    if (MPI_Init(nullptr, nullptr) != MPI_SUCCESS) return 1;
    started_here = true;
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &my_rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  int length = 0;
  MPI_Get_library_version(library_name, &length);
  // Up to the first separator: "Open MPI v4.1.4, package: …", "MPICH Version:\t4.0.2\n…".
  library_name[std::strcspn(library_name, ",\n")] = '\0';
  for (char* c = library_name; *c != '\0'; ++c) {
    if (*c == '\t') *c = ' ';
  }
  *rank = my_rank;
  *size = ranks;
  return 0;
}

void stop() {
  if (started_here) MPI_Finalize();
  started_here = false;
}

const char* name() { return library_name; }

int supports(const TuttiVsCall* call) {
  // MPI's counts are ints; the largest here is that of a rank's part.
  if (call->count * call->element_bytes > INT_MAX) {
    if (!reduces(call->collective) || call->count > INT_MAX) return 0;
  }
  if (!reduces(call->collective)) return 1;
  const MPI_Datatype type = reducible_type(call->type);
  const bool is_float = type == MPI_FLOAT || type == MPI_DOUBLE;
  const MPI_Op op = op_of(call->op);
  const bool integers_only = op == MPI_BAND || op == MPI_BOR || op == MPI_BXOR || op == MPI_LAND ||
                             op == MPI_LOR || op == MPI_LXOR;
  return type != MPI_DATATYPE_NULL && op != MPI_OP_NULL && !(is_float && integers_only);
}

int broadcast(const TuttiVsCall& c, int bytes) {
  if (my_rank == c.root && c.input != c.output) {
    const int error =
        MPI_Bcast(const_cast<void*>(c.input), bytes, MPI_BYTE, c.root, MPI_COMM_WORLD);
    std::memcpy(c.output, c.input, static_cast<std::size_t>(bytes));
    return error;
  }
  return MPI_Bcast(c.output, bytes, MPI_BYTE, c.root, MPI_COMM_WORLD);
}

int reduce_scatter(const TuttiVsCall& c, MPI_Datatype type, MPI_Op op) {
  const int count = static_cast<int>(c.count);
  if (!c.in_place) {
    return MPI_Reduce_scatter_block(c.input, c.output, count, type, op, MPI_COMM_WORLD);
  }
  return MPI_Reduce_scatter_block(MPI_IN_PLACE, const_cast<void*>(c.input), count, type, op,
                                  MPI_COMM_WORLD);
}

int reduce(const TuttiVsCall& c, MPI_Datatype type, MPI_Op op) {
  const void* input = c.in_place && my_rank == c.root ? MPI_IN_PLACE : c.input;
  return MPI_Reduce(input, c.output, static_cast<int>(c.count), type, op, c.root, MPI_COMM_WORLD);
}

int gather(const TuttiVsCall& c, int bytes) {
  const void* input = c.in_place && my_rank == c.root ? MPI_IN_PLACE : c.input;
  return MPI_Gather(input, bytes, MPI_BYTE, c.output, bytes, MPI_BYTE, c.root, MPI_COMM_WORLD);
}

int scatter(const TuttiVsCall& c, int bytes) {
  void* output = c.in_place && my_rank == c.root ? MPI_IN_PLACE : c.output;
  return MPI_Scatter(c.input, bytes, MPI_BYTE, output, bytes, MPI_BYTE, c.root, MPI_COMM_WORLD);
}

int send_receive(const TuttiVsCall& c, int bytes) {
  return MPI_Sendrecv(c.input, bytes, MPI_BYTE, (my_rank + 1) % ranks, 0, c.output, bytes, MPI_BYTE,
                      (my_rank + ranks - 1) % ranks, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

int run(const TuttiVsCall* call) {
  const TuttiVsCall& c = *call;
  const MPI_Datatype type = reducible_type(c.type);
  const MPI_Op op = op_of(c.op);
  const int bytes = static_cast<int>(c.count * c.element_bytes);
  const void* input = c.in_place ? MPI_IN_PLACE : c.input;
  switch (static_cast<Collective>(c.collective)) {
    case kAllReduce:
      return MPI_Allreduce(input, c.output, static_cast<int>(c.count), type, op, MPI_COMM_WORLD);
    case kAllGather:
      return MPI_Allgather(input, bytes, MPI_BYTE, c.output, bytes, MPI_BYTE, MPI_COMM_WORLD);
    case kReduceScatter:
      return reduce_scatter(c, type, op);
    case kAllToAll:
      return MPI_Alltoall(input, bytes, MPI_BYTE, c.output, bytes, MPI_BYTE, MPI_COMM_WORLD);
    case kBroadcast:
      return broadcast(c, bytes);
    case kReduce:
      return reduce(c, type, op);
    case kGather:
      return gather(c, bytes);
    case kScatter:
      return scatter(c, bytes);
    case kBarrier:
      return MPI_Barrier(MPI_COMM_WORLD);
    case kSendRecv:
      return send_receive(c, bytes);
    case kScan:
      return MPI_Scan(input, c.output, static_cast<int>(c.count), type, op, MPI_COMM_WORLD);
    case kExclusiveScan:
      return MPI_Exscan(input, c.output, static_cast<int>(c.count), type, op, MPI_COMM_WORLD);
  }
  return 1;
}

int share(void* bytes, std::size_t count) {
  return MPI_Bcast(bytes, static_cast<int>(count), MPI_BYTE, 0, MPI_COMM_WORLD);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const TuttiVsLibrary* tutti_vs_library() {
  static const TuttiVsLibrary library = {kTuttiVsVersion, start, stop, name, supports, run, share};
  return &library;
}
