#include "executor/cpu/executor.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "base/check.h"
#include "executor/cpu/patience.h"
#include "executor/cpu/positions.h"

namespace tutti {
namespace {

// The failure word in a control page: the code, and the rank that gave up first, plus 1.
std::uint64_t failure_word(Code code, int rank) {
  return static_cast<std::uint64_t>(code) << 32 | static_cast<std::uint32_t>(rank + 1);
}

Code failure_code(std::uint64_t word) { return static_cast<Code>(word >> 32); }
int failed_rank(std::uint64_t word) { return static_cast<int>(word & 0xFFFFFFFFu) - 1; }

const Line& notice_from(const Site& site, int peer) {
  return *reinterpret_cast<const Line*>(site.windows[site.rank] + site.layout.failure_notice(peer));
}

// Why it did, which came before the notice.
std::string reason_from(const Site& site, int peer) {
  const std::byte* text = site.windows[site.rank] + site.layout.failure_reason(peer);
  return reinterpret_cast<const char*>(text);
}

constexpr std::chrono::milliseconds kLetGo{1000};

std::string seconds_text(std::chrono::milliseconds time) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f s", std::chrono::duration<double>(time).count());
  return seconds;
}

// A group that begins as a whole.
class AllAtOnce final : public TaskFeed {
 public:
  explicit AllAtOnce(std::span<const std::unique_ptr<Task>> tasks) : tasks_(tasks) {}

  Status feed(std::vector<Task*>& tasks) override {
    for (; begun_ < tasks_.size(); ++begun_) tasks.push_back(tasks_[begun_].get());
    return {};
  }
  void ended(Task&) override {}
  bool complete() const override { return begun_ == tasks_.size(); }

 private:
  const std::span<const std::unique_ptr<Task>> tasks_;
  std::size_t begun_ = 0;
};

// Who said it, unless somebody is named who said it before.
std::string quoted(const std::string& text, int rank) {
  if (text.ends_with(')') && text.find(" (said by rank ") != std::string::npos) return text;
  return text + " (said by rank " + std::to_string(rank) + ")";
}

}  // namespace

// Keeps the transport for one call: it takes one thread at a time, and abort() may come from
// another than the caller's.
class CpuExecutor::TransportUse {
 public:
  explicit TransportUse(CpuExecutor& executor) : executor_(executor) {
    if (executor_.site_.has_unmapped) executor_.using_transport_.lock();
  }
  ~TransportUse() {
    if (!executor_.site_.has_unmapped) return;
    executor_.transport_->send_waiting();  // what the call signalled last
    if (executor_.peers_gave_up()) executor_.let_go();
    executor_.using_transport_.unlock();
    executor_.tell_far_peers();
  }
  TransportUse(const TransportUse&) = delete;

 private:
  CpuExecutor& executor_;
};

CpuExecutor::CpuExecutor(std::unique_ptr<Transport> transport, const WindowLayout& layout,
                         const ExecutorSettings& settings)
    : transport_(std::move(transport)),
      settings_(settings),
      collectives_(Arena::collectives(layout)),
      outboxes_(layout.ranks),
      inboxes_(layout.ranks) {
  TUTTI_CHECK(transport_->window().size() >= layout.total);
  site_.transport = transport_.get();
  site_.layout = layout;
  site_.rank = transport_->rank();
  site_.ranks = transport_->ranks();
  for (int r = 0; r < site_.ranks; ++r) {
    site_.windows.push_back(transport_->map(r));
    site_.has_unmapped |= site_.windows.back() == nullptr;
  }
  site_.control().pid.store(getpid(), std::memory_order_relaxed);
}

CpuExecutor::~CpuExecutor() { site_.control().departed.store(1, std::memory_order_release); }

std::byte* CpuExecutor::remove_alias(const std::byte* data) {
  const auto begins_here = [&](const Alias& alias) { return alias.memory.data() == data; };
  const auto alias = std::find_if(site_.aliases.begin(), site_.aliases.end(), begins_here);
  if (alias == site_.aliases.end()) return nullptr;
  std::byte* const in_window = alias->in_window;
  site_.aliases.erase(alias);
  return in_window;
}

void CpuExecutor::add_annex(const Annex& annex, MemoryKind kind) {
  use_transport([&](Transport& transport) { transport.add_annex(annex.memory, kind); });
  site_.annex = annex;
}

Arena& CpuExecutor::outbox(int peer) {
  if (!outboxes_[peer]) {
    outboxes_[peer] = std::make_unique<Arena>(Arena::messages(site_.layout, site_.rank));
  }
  return *outboxes_[peer];
}

Arena& CpuExecutor::inbox(int peer) {
  if (!inboxes_[peer]) {
    inboxes_[peer] = std::make_unique<Arena>(Arena::messages(site_.layout, peer));
  }
  return *inboxes_[peer];
}

Status CpuExecutor::run(Task& task) {
  const TransportUse use(*this);
  if (peers_gave_up()) return adopt_failure();
  Patience patience(settings_.spins);
  waiting_since_ = {};
  while (true) {
    const bool moved = task.step();
    if (task.state() == Task::State::kDone) return {};
    if (task.state() == Task::State::kMismatch) return give_up(explain_mismatch(task.entry()));
    if (task.state() == Task::State::kFailed) return give_up(task.failure());
    const bool stirred = site_.has_unmapped && transport_->progress(&task);
    if (moved) {
      patience.reset();
      waiting_since_ = {};
      continue;
    }
    if (peers_gave_up()) return adopt_failure();
    if (stirred || !patience.pause()) continue;
    if (Status status = look_around(task.entry()); !status.ok()) return give_up(std::move(status));
  }
}

Status CpuExecutor::run(std::span<const std::unique_ptr<Task>> tasks) {
  if (tasks.size() == 1) return run(*tasks[0]);
  AllAtOnce feed(tasks);
  return run(feed);
}

Status CpuExecutor::run(TaskFeed& feed) {
  const TransportUse use(*this);
  if (peers_gave_up()) return adopt_failure();
  Patience patience(settings_.spins);
  waiting_since_ = {};
  std::vector<Task*> waiting;
  while (true) {
    bool moved = false;
    const std::size_t before = waiting.size();
    if (Status status = feed.feed(waiting); !status.ok()) return give_up(std::move(status));
    if (waiting.size() > before) moved = true;
    if (Status status = step_all(feed, waiting, moved); !status.ok()) {
      return give_up(std::move(status));
    }
    if (waiting.empty() && feed.complete()) return {};
    const bool stirred = site_.has_unmapped && transport_->progress();
    if (moved) {
      patience.reset();
      waiting_since_ = {};
      continue;
    }
    if (peers_gave_up()) return adopt_failure();
    if (stirred || !patience.pause()) continue;
    if (Status status = check_feed(waiting); !status.ok()) return give_up(std::move(status));
  }
}

// Those that have ended leave `waiting`. The next task of an arena begins when the one before has
// ended.
Status CpuExecutor::step_all(TaskFeed& feed, std::vector<Task*>& waiting, bool& moved) {
  std::vector<const Arena*>& busy = busy_;
  busy.clear();
  for (Task*& task : waiting) {
    if (std::find(busy.begin(), busy.end(), &task->arena()) != busy.end()) continue;
    moved |= task->step();
    if (task->state() == Task::State::kMismatch) return explain_mismatch(task->entry());
    if (task->state() == Task::State::kFailed) return task->failure();
    if (!task->ended()) {
      busy.push_back(&task->arena());
      continue;
    }
    moved = true;
    feed.ended(*task);
    task = nullptr;
  }
  std::erase(waiting, nullptr);
  return {};
}

// As look_around(), where it may also be the feed that is waited for.
Status CpuExecutor::check_feed(const std::vector<Task*>& waiting) {
  if (!waiting.empty()) return look_around(waiting[0]->entry());
  if (waiting_since_ == Clock::time_point{}) waiting_since_ = Clock::now();
  if (Clock::now() - waiting_since_ < settings_.call_timeout) return {};
  return {Code::kTimeout, "what the next part of the call needs has not come, for " +
                              seconds_text(settings_.call_timeout)};
}

// Called every few milliseconds while nothing moves.
Status CpuExecutor::look_around(const Entry& call) {
  const Clock::time_point now = Clock::now();
  if (waiting_since_ == Clock::time_point{}) {
    waiting_since_ = last_lives_ = now;
    if (!call.is_message) {
      site_.control().records[call.sequence % kRecords].waiting_since_ns.store(
          now.time_since_epoch().count(), std::memory_order_relaxed);
    }
  }
  if (Status status = told_by_far_peers(); !status.ok()) return status;
  const std::uint64_t sequence = collectives_.sequence;
  for (int peer = 0; peer < site_.ranks; ++peer) {
    const std::optional<Announced> theirs = announced(site_, peer, sequence);
    if (!theirs || theirs->chain == collectives_.chain) continue;
    const std::string difference = first_difference(site_, peer, sequence);
    if (!difference.empty()) return {Code::kMismatch, difference};
  }
  if (Status status = check_departed(call); !status.ok()) return status;
  if (Status status = check_lives(call); !status.ok()) return status;
  return check_deadline(call);
}

bool CpuExecutor::has_left(int peer) {
  const Control* control = site_.control_of(peer);
  if (control == nullptr) return transport_->departed(peer);
  return control->departed.load(std::memory_order_acquire) != 0;
}

// A rank that has left will not send what is missing; what it sent before is seen by now or by the
// next look.
Status CpuExecutor::check_departed(const Entry& call) {
  const int suspect = call.suspect;
  const bool left = suspect != kSelf && has_left(suspect);
  if (left && departed_ == suspect) {
    return {Code::kPeerLost, title(call.signature, call.sequence) + ": rank " +
                                 std::to_string(suspect) + " has left the communicator"};
  }
  departed_ = left ? suspect : kSelf;
  return {};
}

Status CpuExecutor::check_lives(const Entry& call) {
  const Clock::time_point now = Clock::now();
  if (now - last_lives_ < std::chrono::milliseconds(100)) return {};
  last_lives_ = now;
  for (int peer = 0; peer < site_.ranks; ++peer) {
    if (peer == site_.rank || has_left(peer)) continue;
    Status status = transport_->check(peer);
    if (status.ok()) continue;
    all_find_out_ = true;
    return {status.code(), title(call.signature, call.sequence) + ": " + status.message()};
  }
  return {};
}

Status CpuExecutor::check_deadline(const Entry& call) {
  if (Clock::now() - waiting_since_ < settings_.call_timeout) return {};
  std::string text = title(call.signature, call.sequence) + ": nothing moved for " +
                     seconds_text(settings_.call_timeout);
  const std::string missing = call.is_message ? "" : missing_ranks(site_, call.sequence);
  if (!missing.empty()) return {Code::kTimeout, text + ": " + missing};
  if (call.suspect != kSelf) {
    text += ": waiting for rank " + std::to_string(call.suspect);
    if (!call.is_message && site_.control_of(call.suspect) != nullptr) {
      text += ", which has entered the call";
    }
  }
  return {Code::kTimeout, text};
}

Status CpuExecutor::explain_mismatch(const Entry& call) const {
  std::string text = first_difference(site_, call.suspect, call.sequence);
  // Another call has other lines: the signal may be of a rank that this call would not wait for.
  for (int peer = 0; peer < site_.ranks && text.empty(); ++peer) {
    text = first_difference(site_, peer, call.sequence);
  }
  if (text.empty()) {
    text = "rank " + std::to_string(call.suspect) + " made other calls than rank " +
           std::to_string(site_.rank) + " before " + title(call.signature, call.sequence);
  }
  return {Code::kMismatch, text};
}

Status CpuExecutor::give_up(Status status) {
  // A peer that failed first knows better why: prefer its reason to ours.
  if (peers_gave_up()) return adopt_failure();
  const std::lock_guard lock(telling_);
  failure_ = status;
  tell_near_peers(status.code(), status.message());
  return status;
}

// The first reason stays. REQUIRES: telling_ is held.
void CpuExecutor::tell_near_peers(Code code, const std::string& text) {
  Control& control = site_.control();
  if (control.text_ready.load(std::memory_order_relaxed) != 0) return;
  const std::size_t length = std::min(text.size(), kFailureText - 1);
  std::memcpy(control.text, text.data(), length);
  control.text[length] = '\0';
  control.text_ready.store(1, std::memory_order_release);
  untold_ = failure_word(code, site_.rank);
  for (int peer = 0; peer < site_.ranks; ++peer) {
    Control* theirs = site_.control_of(peer);
    std::uint64_t none = 0;
    if (theirs == nullptr) continue;
    theirs->failure.compare_exchange_strong(none, untold_, std::memory_order_acq_rel);
  }
}

// While a call uses the transport this does nothing: the call's end does it.
void CpuExecutor::tell_far_peers() {
  {
    const std::lock_guard lock(telling_);
    if (untold_ == 0) return;
  }
  const std::unique_lock use(using_transport_, std::try_to_lock);
  if (use.owns_lock()) send_far_notices();
}

// REQUIRES: using_transport_ is held.
void CpuExecutor::send_far_notices() {
  const std::lock_guard lock(telling_);
  const std::uint64_t word = std::exchange(untold_, 0);
  // Connections to all would be many.
  if (word == 0 || all_find_out_) return;
  const Control& control = site_.control();
  const auto reason = std::as_bytes(std::span(control.text, std::strlen(control.text) + 1));
  for (int peer = 0; peer < site_.ranks; ++peer) {
    if (site_.windows[peer] != nullptr) continue;
    // A peer that cannot be told any more finds out by itself.
    (void)transport_->put(peer, reason, site_.layout.failure_reason(site_.rank));
    (void)transport_->signal(peer, site_.layout.failure_notice(site_.rank), {word, 0, {}});
  }
  transport_->progress();
}

// After a failure the caller's buffers are the caller's again: what has not left soon never does.
// REQUIRES: using_transport_ is held.
void CpuExecutor::let_go() {
  send_far_notices();
  const Clock::time_point limit = Clock::now() + kLetGo;
  for (int peer = 0; peer < site_.ranks; ++peer) {
    const auto flushed = [&] { return transport_->flushed(peer, transport_->puts(peer)); };
    while (!flushed() && transport_->check(peer).ok() && Clock::now() < limit) {
      if (!transport_->progress()) std::this_thread::yield();
    }
    if (!flushed()) transport_->cancel(peer);
  }
}

Status CpuExecutor::adopt_failure() {
  const std::lock_guard lock(telling_);
  if (!failure_.ok()) return failure_;
  const std::uint64_t word = site_.control().failure.load(std::memory_order_acquire);
  const int rank = failed_rank(word);
  const Control* theirs = site_.control_of(rank);
  std::string text = "rank " + std::to_string(rank) + " gave up";
  if (theirs != nullptr && theirs->text_ready.load(std::memory_order_acquire) != 0) {
    text = theirs->text;
    if (rank != site_.rank) text = quoted(text, rank);
  }
  failure_ = Status(failure_code(word), text);
  return failure_;
}

void CpuExecutor::abort(const std::string& reason) {
  {
    const std::lock_guard lock(telling_);
    tell_near_peers(Code::kAborted, "aborted by rank " + std::to_string(site_.rank) +
                                        (reason.empty() ? "" : ": " + reason));
  }
  tell_far_peers();
}

void CpuExecutor::use_transport(const std::function<void(Transport&)>& use) {
  const TransportUse exclusive(*this);
  use(*transport_);
}

Status CpuExecutor::check_peers() {
  Status lost;
  use_transport([&](Transport& transport) {
    for (int peer = 0; peer < site_.ranks && lost.ok(); ++peer) {
      if (peer != site_.rank && !has_left(peer)) lost = transport.check(peer);
    }
  });
  return lost;
}

Status CpuExecutor::failure() { return peers_gave_up() ? adopt_failure() : told_by_far_peers(); }

Status CpuExecutor::told_by_far_peers() const {
  for (int peer = 0; peer < site_.ranks; ++peer) {
    if (site_.windows[peer] != nullptr) continue;
    const Line& notice = notice_from(site_, peer);
    const std::uint64_t word = notice.flag.load(std::memory_order_acquire);
    if (word == 0) continue;
    return {failure_code(word), quoted(reason_from(site_, peer), failed_rank(word))};
  }
  return {};
}

}  // namespace tutti
