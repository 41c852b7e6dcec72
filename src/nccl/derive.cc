// Communicators from communicators: ncclCommSplit() and ncclCommShrink().
//
// Tested by nccl_life_test.cc.

#include <algorithm>

#include "nccl/begin.h"
#include "nccl/function.h"
#include "nccl/process.h"

namespace tutti::nccl {
namespace {

// Both of the making, so that it ends with them.
struct Pair {
  std::shared_ptr<Comm> parent;
  std::shared_ptr<Comm> child;
};

Result<Pair> check(ncclComm_t handle, ncclComm_t* newcomm, const ncclConfig_t* config,
                   bool failed_too) {
  const Result<std::shared_ptr<Comm>> parent = find_comm(handle);
  if (!parent.ok()) return parent.status();
  if (newcomm == nullptr) return is_null("newcomm", "room for a handle");
  *newcomm = nullptr;
  if (Status status = (*parent)->ready_to_derive(failed_too); !status.ok()) return status;
  const Result<Settings> settings = read_config(config, (*parent)->settings());
  if (!settings.ok()) return settings.status();
  return Pair{*parent,
              std::make_shared<Comm>(*settings, (*parent)->device(), (*parent)->is_on_device())};
}

using Making = std::function<Result<Communicator>(Comm& parent)>;

// The parent is busy until the child is made.
ncclResult_t derive(const char* function, const Pair& pair, ncclComm_t* newcomm, Making making) {
  const std::shared_ptr<Comm> parent = pair.parent;
  parent->begin_job();
  const auto make = [parent, making = std::move(making)] {
    Result<Communicator> made = making(*parent);
    parent->end_job();
    return made;
  };
  return begin_comm(function, pair.child, newcomm, make, [parent] { parent->end_job(); });
}

// A rank that takes part and gets no communicator.
ncclResult_t give_up_place(const char* function, std::shared_ptr<Comm> parent, bool blocking) {
  parent->begin_job();
  const auto work = [parent]() -> Status {
    const Status status = parent->split(NCCL_SPLIT_NOCOLOR, 0).status();
    parent->end_job();
    return status;
  };
  return group().add(Job{function, work, [parent] { parent->end_job(); }, blocking});
}

ncclResult_t split(ncclComm_t comm, int color, int key, ncclComm_t* newcomm,
                   const ncclConfig_t* config) {
  constexpr const char* kName = "ncclCommSplit";
  const Result<Pair> pair = check(comm, newcomm, config, /*failed_too=*/false);
  if (!pair.ok()) return group().refuse(kName, pair.status());
  if (color == NCCL_SPLIT_NOCOLOR) {
    return give_up_place(kName, pair->parent, pair->child->settings().blocking);
  }
  if (color < 0) {
    return group().refuse(
        kName, {Code::kInvalidArgument, "color is " + std::to_string(color) +
                                            ": expected 0 or more, or NCCL_SPLIT_NOCOLOR"});
  }
  return derive(kName, *pair, newcomm,
                [color, key](Comm& parent) { return parent.split(color, key); });
}

Result<std::vector<int>> excluded_ranks(const int* list, int count, const Comm& parent) {
  const int ranks = parent.ranks();
  if (count < 0 || count >= ranks) {
    return {Code::kInvalidArgument, "excludeRanksCount is " + std::to_string(count) +
                                        ": expected 0 to " + std::to_string(ranks - 1)};
  }
  if (count > 0 && list == nullptr) return is_null("excludeRanksList", "the ranks to exclude");
  std::vector<int> excluded;
  for (int i = 0; i < count; ++i) {
    const bool again = std::find(excluded.begin(), excluded.end(), list[i]) != excluded.end();
    if (list[i] < 0 || list[i] >= ranks || list[i] == parent.rank() || again) {
      return {Code::kInvalidArgument, "excludeRanksList[" + std::to_string(i) + "] is " +
                                          std::to_string(list[i]) + ": expected 0 to " +
                                          std::to_string(ranks - 1) +
                                          ", each once, and not this rank"};
    }
    excluded.push_back(list[i]);
  }
  return excluded;
}

ncclResult_t shrink(ncclComm_t comm, const int* list, int count, ncclComm_t* newcomm,
                    const ncclConfig_t* config, int flags) {
  constexpr const char* kName = "ncclCommShrink";
  if (flags != NCCL_SHRINK_DEFAULT && flags != NCCL_SHRINK_ABORT) {
    return group().refuse(kName, {Code::kInvalidArgument,
                                  "shrinkFlags is " + std::to_string(flags) + ": expected 0 or 1"});
  }
  const bool aborts = flags == NCCL_SHRINK_ABORT;
  const Result<Pair> pair = check(comm, newcomm, config, /*failed_too=*/aborts);
  if (!pair.ok()) return group().refuse(kName, pair.status());
  const Result<std::vector<int>> excluded = excluded_ranks(list, count, *pair->parent);
  if (!excluded.ok()) return group().refuse(kName, excluded.status());
  return derive(kName, *pair, newcomm, [excluded = *excluded, aborts](Comm& parent) {
    return parent.shrink(excluded, aborts);
  });
}

}  // namespace
}  // namespace tutti::nccl

using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclCommSplit,
              (ncclComm_t comm, int color, int key, ncclComm_t* newcomm, ncclConfig_t* config)) {
  return split(comm, color, key, newcomm, config);
}

NCCL_FUNCTION(ncclResult_t, ncclCommShrink,
              (ncclComm_t comm, int* excludeRanksList, int excludeRanksCount, ncclComm_t* newcomm,
               ncclConfig_t* config, int shrinkFlags)) {
  return shrink(comm, excludeRanksList, excludeRanksCount, newcomm, config, shrinkFlags);
}
