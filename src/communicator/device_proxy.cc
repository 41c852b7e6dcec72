#include "communicator/device_proxy.h"

#include <utility>

#include "communicator/device_group.h"

namespace tutti {
namespace {

constexpr std::chrono::milliseconds kIdleLook{50};
// For copies to end in, before buffers are the caller's again.
constexpr std::chrono::seconds kDrain{1};
constexpr int kSpins = 200;  // of the thread, before it yields: it is one beside the caller's

// The calls of a group, while whose thread is seen to be alive.
class WatchedGroup final : public CallFeed {
 public:
  WatchedGroup(StagedGroup& group, DeviceVisits& visits) : group_(group), visits_(visits) {}
  Result<std::optional<FedCall>> next() override {
    visits_.keep_alive();
    if (Status status = visits_.health(); !status.ok()) return status;  // nobody copies
    return group_.next();
  }
  void ended(std::uint64_t number) override { group_.ended(number); }
  bool complete() const override { return group_.complete(); }

 private:
  StagedGroup& group_;
  DeviceVisits& visits_;
};

}  // namespace

DeviceProxy::DeviceProxy(const Setting& setting) : setting_(setting), thread_([this] { loop(); }) {}

DeviceProxy::~DeviceProxy() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    closes_by_ = Clock::now() + setting_.call_timeout;
  }
  added_.notify_one();
  thread_.join();
}

Result<DeviceProxy::Visit> DeviceProxy::begin(Stream stream, bool captured) {
  if (Status status = health(); !status.ok()) return status;
  const Result<std::uint32_t> group = captured ? next_captured() : next_issued();
  if (!group.ok()) return group.status();
  if (Status status = setting_.visits.come(stream, *group); !status.ok()) return status;
  issued_ += captured ? 0 : 1;
  Visit visit;
  visit.stream = stream;
  visit.group = *group;
  return visit;
}

// They take the numbers in turn, which are free once streams have passed.
Result<std::uint32_t> DeviceProxy::next_issued() {
  const std::uint32_t group = issued_ % cuda::kIssuedGroups;
  const Clock::time_point limit = Clock::now() + setting_.call_timeout;
  while (!setting_.visits.passed(group)) {
    if (Clock::now() > limit) {
      return {Code::kTimeout,
              std::to_string(cuda::kIssuedGroups) + " enqueued groups have not ended"};
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return group;
}

Result<std::uint32_t> DeviceProxy::next_captured() const {
  if (const Status may = setting_.visits.may_be_captured(); !may.ok()) {
    return {Code::kNotSupported,
            "the stream is being captured in a graph, which cannot hold a call that goes through "
            "host memory here: " +
                may.message()};
  }
  const std::lock_guard lock(mutex_);
  const std::uint32_t group = cuda::kIssuedGroups + static_cast<std::uint32_t>(captured_.size());
  if (group < cuda::kVisitGroups) return group;
  return {Code::kNotSupported,
          "graphs hold " + std::to_string(captured_.size()) +
              " groups of calls through host memory, captured with this communicator: no more fit"};
}

Status DeviceProxy::end(const Visit& visit, std::span<const StagedCall> calls) {
  Group group{.number = visit.group, .calls = {calls.begin(), calls.end()}, .counts = {}};
  for (StagedCall& staged : group.calls) {
    Call& call = staged.call;
    for (std::span<const std::size_t>* counts : {&call.send_counts, &call.receive_counts}) {
      group.counts.emplace_back(counts->begin(), counts->end());
      *counts = group.counts.back();
    }
  }
  {
    const std::lock_guard lock(mutex_);
    (visit.group < cuda::kIssuedGroups ? groups_ : captured_).push_back(std::move(group));
  }
  added_.notify_one();
  return setting_.visits.wait(visit.stream, visit.group);
}

Status DeviceProxy::health() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void DeviceProxy::loop() {
  while (const Group* group = next()) {
    if (health().ok()) make(*group);
    answer(*group);
  }
}

// The group to be made now; or, after a failure, one of which a stream must not wait any longer.
// Null when there will be none. However long a stream is busy before it comes, that is no failure;
// the caller's destructor has a deadline.
const DeviceProxy::Group* DeviceProxy::next() {
  Patience patience(kSpins);
  while (true) {
    setting_.visits.keep_alive();
    if (const Group* group = take()) return group;
    if (is_to_end()) return nullptr;
    if (health().ok() && patience.pause()) look_around();
    wait_idle();
  }
}

const DeviceProxy::Group* DeviceProxy::take() {
  const std::optional<std::uint32_t> first = oldest();
  const std::optional<std::uint32_t> next = health().ok() ? setting_.visits.next(first) : first;
  return next.has_value() ? &group_of(*next) : nullptr;
}

std::optional<std::uint32_t> DeviceProxy::oldest() const {
  const std::lock_guard lock(mutex_);
  if (groups_.empty()) return {};
  return groups_.front().number;
}

// REQUIRES: one that was captured, or the oldest of the others.
const DeviceProxy::Group& DeviceProxy::group_of(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  return number < cuda::kIssuedGroups ? groups_.front() : captured_[number - cuda::kIssuedGroups];
}

void DeviceProxy::answer(const Group& group) {
  setting_.visits.answer(group.number);
  const std::lock_guard lock(mutex_);
  if (group.number < cuda::kIssuedGroups) groups_.pop_front();
}

bool DeviceProxy::is_to_end() {
  const std::lock_guard lock(mutex_);
  return closing_ && groups_.empty();
}

bool DeviceProxy::is_overdue() {
  const std::lock_guard lock(mutex_);
  return closing_ && Clock::now() > closes_by_;
}

// Nobody tells that a graph is replayed: where there is one, the thread looks for itself.
void DeviceProxy::wait_idle() {
  std::unique_lock lock(mutex_);
  const bool may_sleep = groups_.empty() && (captured_.empty() || !failure_.ok());
  if (!may_sleep || closing_) return;
  if (added_.wait_for(lock, kIdleLook) == std::cv_status::no_timeout) return;
  lock.unlock();
  look_around();
}

void DeviceProxy::look_around() {
  if (!health().ok()) return;
  if (Status status = setting_.look_around(); !status.ok()) return fail(std::move(status));
  if (Status status = setting_.visits.health(); !status.ok()) return fail(std::move(status));
  if (is_overdue()) {
    fail({Code::kTimeout,
          "the communicator ends, and a stream has not come to a call that was enqueued on it"});
  }
}

void DeviceProxy::make(const Group& group) {
  if (group.calls.empty()) return;
  StagedGroup staged(setting_.staging, group.calls, setting_.rank);
  WatchedGroup watched(staged, setting_.visits);
  Status status = setting_.run(watched);
  if (status.ok()) return;
  // Once the stream goes on, buffers are the caller's.
  (void)setting_.staging.drain(kDrain);
  fail(std::move(status));
}

// The first one stays.
void DeviceProxy::fail(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = status;
  }
  setting_.visits.let_go();
  setting_.on_failure(status);
}

}  // namespace tutti
