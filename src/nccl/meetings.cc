#include "nccl/meetings.h"

#include <cstring>

#include "nccl/function.h"
#include "nccl/process.h"

namespace tutti::nccl {

static_assert(sizeof(ncclUniqueId) == sizeof(UniqueId));

UniqueId from_nccl(const ncclUniqueId& id) {
  UniqueId ours;
  std::memcpy(ours.bytes.data(), id.internal, sizeof id.internal);
  return ours;
}

Result<ncclUniqueId> Meetings::open(const Options& options) {
  Result<Invitation> invitation = make_unique_id({.interface = options.interface});
  if (!invitation.ok()) return invitation.status();
  ncclUniqueId id;
  std::memcpy(id.internal, invitation->id.bytes.data(), sizeof id.internal);
  const std::lock_guard lock(mutex_);
  roots_[invitation->id.bytes] = std::move(invitation->root);
  return id;
}

void Meetings::close(const UniqueId& id) {
  std::unique_ptr<BootstrapRoot> ended;  // after the lock: it has a thread to wait for
  const std::lock_guard lock(mutex_);
  const auto found = roots_.find(id.bytes);
  if (found == roots_.end()) return;
  ended = std::move(found->second);
  roots_.erase(found);
}

}  // namespace tutti::nccl

using namespace tutti;
using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclGetUniqueId, (ncclUniqueId * uniqueId)) {
  if (uniqueId == nullptr) return answer("ncclGetUniqueId", is_null("uniqueId", "room for an id"));
  const Result<Options> options = Options::from_environment();
  if (!options.ok()) return answer("ncclGetUniqueId", options.status());
  const Result<ncclUniqueId> id = process().meetings.open(*options);
  if (id.ok()) *uniqueId = *id;
  return answer("ncclGetUniqueId", id.status());
}
