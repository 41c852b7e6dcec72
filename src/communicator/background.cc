#include "communicator/background.h"

#include <utility>

#include "base/check.h"

namespace tutti {

void Request::State::finish(Status result, std::chrono::steady_clock::time_point begin) {
  {
    const std::lock_guard lock(mutex);
    times = {begin, std::chrono::steady_clock::now()};
    status = std::move(result);
    done = true;
  }
  ended.notify_all();
}

Background::Background(Runner runner) : runner_(std::move(runner)), thread_([this] { loop(); }) {}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  added_.notify_one();
  thread_.join();
}

std::shared_ptr<Request::State> Background::add(std::span<const Call> group) {
  auto state = std::make_shared<Request::State>();
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({{group.begin(), group.end()}, state});
  }
  added_.notify_one();
  return state;
}

void Background::loop() {
  while (true) {
    std::unique_lock lock(mutex_);
    added_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Work work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const auto begin = std::chrono::steady_clock::now();
    work.state->finish(runner_(work.calls), begin);
  }
}

Request::Request() = default;
Request::Request(Request&&) noexcept = default;
Request::Request(std::shared_ptr<State> state) : state_(std::move(state)) {}

Request& Request::operator=(Request&& other) noexcept {
  if (this != &other) {
    if (state_ != nullptr) (void)wait();  // the buffers of the old call may end with this handle
    state_ = std::move(other.state_);
  }
  return *this;
}

Request::~Request() {
  if (state_ != nullptr) (void)wait();
}

bool Request::test() const {
  if (state_ == nullptr) return true;
  const std::lock_guard lock(state_->mutex);
  return state_->done;
}

Status Request::wait() {
  if (state_ == nullptr) return {};
  std::unique_lock lock(state_->mutex);
  state_->ended.wait(lock, [this] { return state_->done; });
  return state_->status;
}

Request::Times Request::times() const {
  if (state_ == nullptr) return {};
  const std::lock_guard lock(state_->mutex);
  TUTTI_CHECK(state_->done);
  return state_->times;
}

Status wait_all(std::span<Request> requests) {
  Status first;
  for (Request& request : requests) {
    Status status = request.wait();
    if (first.ok() && !status.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace tutti
