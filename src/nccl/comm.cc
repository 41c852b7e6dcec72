#include "nccl/comm.h"

#include "nccl/errors.h"

namespace tutti::nccl {
namespace {

// Whether a communicator that has answered so is of no more use; other failures are of one call.
bool is_lasting(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
    case Code::kInvalidArgument:
    case Code::kNotSupported:
      return false;
    case Code::kMismatch:
    case Code::kTimeout:
    case Code::kPeerLost:
    case Code::kAborted:
    case Code::kSystem:
      return true;
  }
  return true;
}

}  // namespace

// ---- The life

Status Comm::started(Result<Communicator> communicator) {
  Communicator unwanted;  // ends after the lock
  const std::lock_guard lock(mutex_);
  --jobs_;
  if (!communicator.ok()) return failure_ = named(communicator.status());
  if (aborted_) {
    unwanted = std::move(*communicator);
    return failure_ = named({Code::kAborted, "aborted while it began"});
  }
  communicator_ = std::move(*communicator);
  return {};
}

// What came of calls that went on by themselves.
void Comm::settle() {
  if (on_device_ && failure_.ok() && !communicator_.empty()) {
    (void)note_locked(communicator_.health());
  }
  if (!request_ || !request_->test()) return;
  (void)note_locked(request_->wait());
  request_.reset();
}

Status Comm::ready() {
  const std::lock_guard lock(mutex_);
  if (Status status = why_not(/*failed_too=*/false); !status.ok()) return status;
  if (revoked_) return {Code::kNotSupported, "comm was revoked: expected no more calls on it"};
  return {};
}

Status Comm::ready_to_derive(bool failed_too) {
  const std::lock_guard lock(mutex_);
  return why_not(failed_too);
}

Status Comm::why_not(bool failed_too) {
  settle();
  if (ended_) {
    return {Code::kInvalidArgument,
            "comm was destroyed or aborted: expected after the group's end"};
  }
  if (jobs_ > 0 || (request_ && !failed_too)) {
    return {Code::kInvalidArgument,
            "comm is busy with an earlier call: expected that ncclCommGetAsyncError has said "
            "something other than ncclInProgress"};
  }
  if (finalized_) {
    return {Code::kNotSupported, "comm was finalized: expected ncclCommDestroy or ncclCommAbort"};
  }
  const bool may_have_failed = (failed_too || revoked_) && !communicator_.empty();
  return may_have_failed ? Status() : failure_;
}

ncclResult_t Comm::state() {
  const std::lock_guard lock(mutex_);
  settle();
  if (jobs_ > 0 || request_) return ncclInProgress;
  return revoked_ ? ncclSuccess : code_of(failure_);
}

Status Comm::failure() {
  const std::lock_guard lock(mutex_);
  settle();
  return failure_;
}

void Comm::abort(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  communicator_.abort(reason);
}

Status Comm::revoke() {
  {
    const std::lock_guard lock(mutex_);
    if (communicator_.empty()) return {Code::kInvalidArgument, "comm has not begun: expected to"};
    if (finalized_) return {Code::kNotSupported, "comm was finalized: expected ncclCommDestroy"};
    revoked_ = true;
    communicator_.abort("the communicator was revoked");
  }
  const std::lock_guard lock(use_);  // whoever is in a call comes out now
  (void)finish();                    // with what revoking has done to it
  return {};
}

void Comm::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

Status Comm::finalize() {
  if (settings_.blocking) (void)finish();
  const std::lock_guard lock(mutex_);
  if (communicator_.empty()) return {Code::kInvalidArgument, "comm has not begun: expected to"};
  if (finalized_) return {Code::kInvalidArgument, "comm was finalized before: expected once"};
  if (revoked_) return {Code::kNotSupported, "comm was revoked: expected ncclCommDestroy"};
  finalized_ = true;
  return {};
}

bool Comm::is_beginning() const {
  const std::lock_guard lock(mutex_);
  return communicator_.empty();
}

void Comm::begin_job() {
  const std::lock_guard lock(mutex_);
  ++jobs_;
}

void Comm::end_job() {
  const std::lock_guard lock(mutex_);
  --jobs_;
}

// ---- What takes its time

Result<Communicator> Comm::split(int color, int key) {
  const std::lock_guard in_use(use_);
  bool revoked = false;
  {
    const std::lock_guard lock(mutex_);
    revoked = revoked_;
  }
  if (!revoked) return communicator_.split(color, key);
  // Its own ways are closed: by those of another one of the same ranks.
  Result<Communicator> fresh = communicator_.shrink();
  if (!fresh.ok()) return fresh.status();
  if (fresh->ranks() != ranks()) {
    return {Code::kPeerLost, "only " + std::to_string(fresh->ranks()) + " of " +
                                 std::to_string(ranks()) + " ranks came"};
  }
  return fresh->split(color, key);
}

Result<Communicator> Comm::shrink(std::span<const int> excluded, bool aborts) {
  if (aborts) abort("the communicator shrinks");
  const std::lock_guard in_use(use_);
  if (aborts) (void)finish();
  Result<Communicator> fewer = communicator_.shrink(excluded);
  if (!fewer.ok()) return fewer.status();
  const int expected = ranks() - static_cast<int>(excluded.size());
  if (fewer->ranks() == expected) return fewer;
  return {Code::kPeerLost, "only " + std::to_string(fewer->ranks()) + " ranks came: expected " +
                               std::to_string(expected) + ", all that are not excluded"};
}

// ---- Calls

Status Comm::named(const Status& status) const {
  if (status.ok() || settings_.name.empty()) return status;
  return {status.code(), "communicator " + settings_.name + ": " + status.message()};
}

Status Comm::note(Status status) {
  if (status.ok()) return status;
  const std::lock_guard lock(mutex_);
  return note_locked(std::move(status));
}

Status Comm::note_locked(Status status) {
  status = named(status);
  if (failure_.ok() && is_lasting(status)) failure_ = status;
  return status;
}

Status Comm::run(std::span<const Call> group) {
  const std::lock_guard in_use(use_);
  return note(group.size() == 1 ? communicator_.run(group[0]) : communicator_.run(group));
}

Status Comm::enqueue(std::span<const Call> group, void* stream) {
  const std::lock_guard in_use(use_);
  return note(communicator_.enqueue(group, stream));
}

Status Comm::start(std::span<const Call> group) {
  const std::lock_guard in_use(use_);
  Result<Request> request = communicator_.start(group);
  if (!request.ok()) return note(request.status());
  const std::lock_guard lock(mutex_);
  request_ = std::move(*request);
  return {};
}

Status Comm::finish() {
  std::optional<Request> request;
  {
    const std::lock_guard lock(mutex_);
    request.swap(request_);
  }
  return request ? note(request->wait()) : Status();
}

// ---- What belongs to it

void Comm::add_operation(int number, const PreMulSum& operation) {
  const std::lock_guard lock(mutex_);
  operations_[number] = operation;
}

std::optional<PreMulSum> Comm::operation(int number) const {
  const std::lock_guard lock(mutex_);
  const auto found = operations_.find(number);
  if (found == operations_.end()) return std::nullopt;
  return found->second;
}

bool Comm::remove_operation(int number) {
  const std::lock_guard lock(mutex_);
  return operations_.erase(number) > 0;
}

}  // namespace tutti::nccl
