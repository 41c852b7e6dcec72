#include "executor/cuda/trouble_watch.h"

#include <cstdio>
#include <utility>

#include "executor/cuda/call_word.h"

namespace tutti::cuda {

Result<std::unique_ptr<TroubleWatch>> TroubleWatch::make(Device& device, int rank,
                                                         std::chrono::milliseconds patience,
                                                         const std::vector<int>& numbers) {
  Result<PinnedMemory<Trouble>> trouble = PinnedMemory<Trouble>::make(device);
  if (!trouble.ok()) return trouble.status();
  return std::unique_ptr<TroubleWatch>(
      new TroubleWatch(std::move(*trouble), rank, patience, numbers));
}

std::uint32_t TroubleWatch::begin(std::uint64_t word) {
  const std::lock_guard lock(mutex_);
  calls_[++newest_ % kCallsKept] = word;
  return newest_;
}

std::uint32_t TroubleWatch::ended() const {
  // Acquire: what was done in the stream before is not undone by what the host does after.
  return std::atomic_ref(trouble_.host()->ended).load(std::memory_order_acquire);
}

Status TroubleWatch::look() {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = look_at_kernels();
  if (failure_.ok()) failure_ = look_at_streams();
  // Signals that came since may have closed what was opened: see Engine::release().
  if (!failure_.ok() && engine_ != nullptr && engine_->waiting().has_value()) engine_->release();
  return failure_;
}

Status TroubleWatch::look_at_kernels() {
  Trouble& trouble = *trouble_.host();
  // Acquire: pairs with the release of report(), after which the rest is there.
  const std::uint32_t code = std::atomic_ref(trouble.code).load(std::memory_order_acquire);
  if (code == kNoTrouble) return {};
  if (code == kStopped) return {Code::kAborted, "aborted"};
  if (code == kMismatch) {
    return {Code::kMismatch, difference({number_of(trouble.peer), trouble.theirs},
                                        {number_of(rank_), trouble.ours}, trouble.call)};
  }
  return missed(trouble.call, trouble.peer);
}

Status TroubleWatch::look_at_streams() {
  if (engine_ == nullptr) return {};
  const std::optional<Engine::Wait> wait = engine_->waiting();
  if (wait != last_wait_) {
    last_wait_ = wait;
    waits_since_ = Clock::now();
  }
  if (!wait.has_value() || Clock::now() - waits_since_ < patience_) return {};
  return missed(wait->call, wait->peer);
}

Status TroubleWatch::missed(std::uint32_t call, int peer) const {
  const bool is_kept = newest_ - call < kCallsKept;
  const std::string what = is_kept ? title(signature_of(calls_[call % kCallsKept]), call)
                                   : "call #" + std::to_string(call);
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f s", static_cast<double>(patience_.count()) * 1e-3);
  return {Code::kTimeout,
          what + ": rank " + std::to_string(number_of(peer)) + " has not come within " + seconds};
}

void TroubleWatch::abort(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) {
    failure_ = {Code::kAborted, reason.empty() ? "aborted" : "aborted: " + reason};
  }
  // Relaxed: a kernel that sees it gives up, and reads nothing else of this thread's.
  std::atomic_ref(trouble_.host()->stop).store(1, std::memory_order_relaxed);
  if (engine_ != nullptr) engine_->release();
}

}  // namespace tutti::cuda
