#include "communicator/device_proxy.h"

#include <utility>

#include "communicator/device_group.h"

namespace tutti {
namespace {

// Groups that may have been enqueued and not ended; then enqueue() waits.
constexpr std::uint32_t kTurns = 4096;

// The words. A stream comes to a group, is answered, and has gone on; numbers only grow.
constexpr std::size_t kAnswered = 0;
std::size_t came(std::uint32_t number) { return 1 + number % kTurns; }
std::size_t passed(std::uint32_t number) { return 1 + kTurns + number % kTurns; }
constexpr std::size_t kWords = 1 + 2 * std::size_t{kTurns};

constexpr std::chrono::milliseconds kIdleLook{50};
// For streams to go on in, once they may.
constexpr std::chrono::seconds kPassing{1};
constexpr int kSpins = 200;  // of the thread, before it yields: it is one beside the caller's

}  // namespace

Result<std::unique_ptr<DeviceProxy>> DeviceProxy::create(const Setting& setting) {
  if (!setting.device.facts().waits_on_memory) {
    return {Code::kNotSupported, setting.device.facts().name +
                                     ": its streams cannot wait for numbers in memory, which calls "
                                     "through host memory need"};
  }
  std::unique_ptr<DeviceProxy> proxy(new DeviceProxy(setting));
  Result<std::unique_ptr<PinnedWords>> words = PinnedWords::create(setting.device, kWords);
  if (!words.ok()) return words.status();
  proxy->words_ = std::move(*words);
  proxy->thread_ = std::thread([self = proxy.get()] { self->loop(); });
  return proxy;
}

DeviceProxy::DeviceProxy(const Setting& setting) : setting_(setting), numbers_(kTurns) {}

DeviceProxy::~DeviceProxy() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    closes_by_ = Clock::now() + setting_.call_timeout;
  }
  added_.notify_one();
  thread_.join();
  if (!all_passed()) words_->forget();  // a stream that is held up elsewhere will use them yet
}

// Within some time, whether every stream is past its newest group.
bool DeviceProxy::all_passed() {
  const Clock::time_point limit = Clock::now() + kPassing;
  for (std::uint32_t turn = 0; turn < kTurns; ++turn) {
    while (words_->load(passed(turn)) != numbers_[turn]) {
      if (Clock::now() > limit) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  return true;
}

Result<DeviceProxy::Visit> DeviceProxy::begin(Stream stream) {
  if (Status status = health(); !status.ok()) return status;
  const std::uint32_t number = begun_ + 1;
  const Clock::time_point limit = Clock::now() + setting_.call_timeout;
  while (words_->load(passed(number)) != numbers_[number % kTurns]) {
    if (Clock::now() > limit) {
      return {Code::kTimeout, std::to_string(kTurns) + " enqueued groups have not ended"};
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  Status status = setting_.device.set(stream, words_->on_device(came(number)), number);
  if (!status.ok()) return status;
  begun_ = numbers_[number % kTurns] = number;
  Visit visit;
  visit.stream = stream;
  visit.number = number;
  return visit;
}

Status DeviceProxy::end(const Visit& visit, std::span<const Call> calls) {
  Group group{.number = visit.number, .calls = {calls.begin(), calls.end()}, .counts = {}};
  for (Call& call : group.calls) {
    for (std::span<const std::size_t>* counts : {&call.send_counts, &call.receive_counts}) {
      group.counts.emplace_back(counts->begin(), counts->end());
      *counts = group.counts.back();
    }
  }
  {
    const std::lock_guard lock(mutex_);
    groups_.push_back(std::move(group));
  }
  added_.notify_one();
  Device& device = setting_.device;
  Status status = device.wait_until(visit.stream, words_->on_device(kAnswered), visit.number);
  if (!status.ok()) return status;
  return device.set(visit.stream, words_->on_device(passed(visit.number)), visit.number);
}

Status DeviceProxy::health() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void DeviceProxy::loop() {
  while (const std::optional<Group> group = take()) {
    if (wait_for_stream(group->number)) make(*group);
    words_->store(kAnswered, group->number);
  }
}

// Nothing when there will be no more.
std::optional<DeviceProxy::Group> DeviceProxy::take() {
  std::unique_lock lock(mutex_);
  while (groups_.empty()) {
    if (closing_) return {};
    added_.wait_for(lock, kIdleLook);
    if (!groups_.empty() || closing_) continue;
    lock.unlock();
    look_around();
    lock.lock();
  }
  Group group = std::move(groups_.front());
  groups_.pop_front();
  return group;
}

// False after a failure, here or elsewhere. However long a stream is busy before, that is no
// failure; the caller's destructor has a deadline.
bool DeviceProxy::wait_for_stream(std::uint32_t number) {
  Patience patience(kSpins);
  while (health().ok()) {
    if (words_->load(came(number)) == number) return true;
    if (!patience.pause()) continue;
    look_around();
    if (is_overdue()) {
      fail({Code::kTimeout,
            "the communicator ends, and a stream has not come to a call that was "
            "enqueued on it"});
    }
  }
  return false;
}

bool DeviceProxy::is_overdue() {
  const std::lock_guard lock(mutex_);
  return closing_ && Clock::now() > closes_by_;
}

void DeviceProxy::look_around() {
  if (!health().ok()) return;
  if (Status status = setting_.look_around(); !status.ok()) fail(std::move(status));
}

void DeviceProxy::make(const Group& group) {
  if (group.calls.empty()) return;
  StagedGroup staged(setting_.staging, group.calls, setting_.rank);
  Status status = setting_.run(staged);
  if (status.ok()) return;
  // Once the stream goes on, buffers are the caller's.
  (void)setting_.staging.drain(kPassing);
  fail(std::move(status));
}

// The first one stays.
void DeviceProxy::fail(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = status;
  }
  setting_.on_failure(status);
}

}  // namespace tutti
