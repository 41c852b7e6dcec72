// ncclCommInitRank() and its kin: communicators from ids.
//
// Tested by nccl_life_test.cc.

#include "nccl/begin.h"

#include <algorithm>

#include "nccl/cuda.h"
#include "nccl/function.h"
#include "nccl/process.h"

namespace tutti::nccl {
namespace {

void take_back(ncclComm_t& handle) {
  process().communicators.remove(handle);
  handle = nullptr;
}

}  // namespace

ncclResult_t begin_comm(const char* function, std::shared_ptr<Comm> comm, ncclComm_t* handle,
                        std::function<Result<Communicator>()> make, std::function<void()> dropped) {
  *handle = process().communicators.add(comm);
  Job job{.function = function, .blocking = comm->settings().blocking};
  job.drop = [=] {
    (void)comm->started(Status(Code::kAborted, "its group was not run"));
    if (dropped) dropped();
    take_back(*handle);
  };
  job.work = [=, blocking = job.blocking, make = std::move(make)]() -> Status {
    const Status status = comm->started(make());
    if (!status.ok() && blocking) take_back(*handle);
    if (!status.ok()) (void)answer(function, status);
    return status;
  };
  return group().add(std::move(job));
}

namespace {

constexpr int kMostRanksOfProcess = 4096;  // each begins in a thread

Status check_ranks(int ranks, int rank) {
  if (ranks < 1) {
    return {Code::kInvalidArgument, "nranks is " + std::to_string(ranks) + ": expected 1 or more"};
  }
  if (rank >= 0 && rank < ranks) return {};
  return {Code::kInvalidArgument,
          "rank is " + std::to_string(rank) + ": expected 0 to " + std::to_string(ranks - 1)};
}

// One rank's beginning.
struct Beginning {
  const char* function;
  ncclComm_t* handle;
  int ranks;
  int rank;
  std::vector<UniqueId> ids = {};  // the first is where the ranks meet
  Settings settings = {};
  Options options = {};
  int device = -1;  // as ncclCommCuDevice() says it
};

ncclResult_t begin(const Beginning& b) {
  const bool on_device = b.options.device >= 0;
  return begin_comm(b.function, std::make_shared<Comm>(b.settings, b.device, on_device), b.handle,
                    [b]() -> Result<Communicator> {
                      Result<Communicator> made =
                          Communicator::create(b.ids[0], b.rank, b.ranks, b.options);
                      for (const UniqueId& id : b.ids) process().meetings.close(id);
                      return made;
                    });
}

// The environment's, on the device that is current unless it names one.
Result<Options> options_here() {
  Result<Options> options = Options::from_environment();
  if (options.ok() && options->device < 0) options->device = current_device();
  return options;
}

struct Asked {
  const char* function;
  ncclComm_t* handle;
  int ranks;
  int rank;
  int id_count;
  const ncclUniqueId* ids;
  const ncclConfig_t* config;
};

Result<Beginning> check(const Asked& r) {
  if (r.handle == nullptr) return is_null("comm", "room for a handle");
  *r.handle = nullptr;
  if (Status status = check_ranks(r.ranks, r.rank); !status.ok()) return status;
  if (r.id_count < 1 || r.id_count > r.ranks) {
    return {Code::kInvalidArgument, "nId is " + std::to_string(r.id_count) +
                                        ": expected 1 to nranks, " + std::to_string(r.ranks)};
  }
  if (r.ids == nullptr) return is_null("commIds", "nId ids");
  Beginning b{.function = r.function, .handle = r.handle, .ranks = r.ranks, .rank = r.rank};
  for (int i = 0; i < r.id_count; ++i) {
    b.ids.push_back(from_nccl(r.ids[i]));
    Status status = UniqueId::parse(b.ids.back().to_string()).status();
    if (!status.ok()) return Status(status.code(), "commId: " + status.message());
  }
  const Result<Settings> settings = read_config(r.config, {});
  if (!settings.ok()) return settings.status();
  const Result<Options> options = options_here();
  if (!options.ok()) return options.status();
  b.settings = *settings;
  b.options = *options;
  if (settings->most_blocks > 0) {
    b.options.device_blocks = std::min(settings->most_blocks, b.options.device_blocks);
  }
  if (settings->zero_blocks && !b.options.device_copies) b.options.device_copies = 0;
  b.device = options->device;
  return b;
}

ncclResult_t begin(const Asked& asked) {
  const Result<Beginning> beginning = check(asked);
  if (!beginning.ok()) return group().refuse(asked.function, beginning.status());
  return begin(*beginning);
}

Status check_devices(int count, const int* devices, int there) {
  if (count < 1 || count > kMostRanksOfProcess) {
    return {Code::kInvalidArgument, "ndev is " + std::to_string(count) + ": expected 1 to " +
                                        std::to_string(kMostRanksOfProcess)};
  }
  if (devices == nullptr && there > 0 && count > there) {
    return {Code::kNotSupported, "ndev is " + std::to_string(count) + " without a devlist, with " +
                                     std::to_string(there) + " GPUs: expected no more"};
  }
  for (int i = 0; devices != nullptr && i < count; ++i) {
    if (devices[i] >= 0 && (there == 0 || devices[i] < there)) continue;
    return {Code::kInvalidArgument,
            "devlist[" + std::to_string(i) + "] is " + std::to_string(devices[i]) + ": expected " +
                (there == 0 ? "0 or more" : "0 to " + std::to_string(there - 1))};
  }
  return {};
}

// All ranks in this process meet as others do, each in a thread.
ncclResult_t begin_all(ncclComm_t* comms, int count, const int* devices) {
  constexpr const char* kName = "ncclCommInitAll";
  if (comms == nullptr) return group().refuse(kName, is_null("comm", "room for ndev handles"));
  const int there = device_count();
  Status status = check_devices(count, devices, there);
  if (!status.ok()) return group().refuse(kName, status);
  const Result<Options> options = options_here();
  if (!options.ok()) return group().refuse(kName, options.status());
  const Result<ncclUniqueId> id = process().meetings.open(*options);
  if (!id.ok()) return group().refuse(kName, id.status());
  group().begin();
  for (int rank = 0; rank < count; ++rank) {
    Beginning b{.function = kName, .handle = &comms[rank], .ranks = count, .rank = rank};
    b.ids = {from_nccl(*id)};
    b.options = *options;
    b.device = devices == nullptr ? rank : devices[rank];
    b.options.device = there > 0 ? b.device : -1;
    (void)begin(b);
  }
  const ncclResult_t result = group().end();
  if (result != ncclSuccess) std::for_each(comms, comms + count, take_back);  // all, or none
  return result;
}

}  // namespace
}  // namespace tutti::nccl

using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclCommInitRank,
              (ncclComm_t * comm, int nranks, ncclUniqueId commId, int rank)) {
  return begin(Asked{"ncclCommInitRank", comm, nranks, rank, 1, &commId, nullptr});
}

NCCL_FUNCTION(ncclResult_t, ncclCommInitRankConfig,
              (ncclComm_t * comm, int nranks, ncclUniqueId commId, int rank,
               ncclConfig_t* config)) {
  return begin(Asked{"ncclCommInitRankConfig", comm, nranks, rank, 1, &commId, config});
}

NCCL_FUNCTION(ncclResult_t, ncclCommInitRankScalable,
              (ncclComm_t * newcomm, int nranks, int myrank, int nId, ncclUniqueId* commIds,
               ncclConfig_t* config)) {
  return begin(Asked{"ncclCommInitRankScalable", newcomm, nranks, myrank, nId, commIds, config});
}

NCCL_FUNCTION(ncclResult_t, ncclCommInitAll, (ncclComm_t * comm, int ndev, const int* devlist)) {
  return begin_all(comm, ndev, devlist);
}
