// Late delivery in order. Tested by inproc_test.cc.

#include "transports/inproc/courier.h"

namespace tutti {
namespace {

constexpr int kNobody = -1;

}  // namespace

Courier::Courier(int peers, std::chrono::microseconds max_delay, std::uint64_t seed)
    : queues_(peers), random_(seed), delay_us_(0, max_delay.count()), thread_([this] { run(); }) {}

Courier::~Courier() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Courier::send(int peer, std::function<void()> deliver) {
  {
    const std::lock_guard lock(mutex_);
    const auto delay = std::chrono::microseconds(delay_us_(random_));
    queues_[peer].push_back({Clock::now() + delay, std::move(deliver)});
  }
  changed_.notify_all();
}

void Courier::flush(int peer) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queues_[peer].empty(); });
}

void Courier::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const int peer = earliest();
    if (peer == kNobody) {
      if (closing_) return;
      changed_.wait(lock);
      continue;
    }
    const Parcel& parcel = queues_[peer].front();
    if (!closing_ && Clock::now() < parcel.due) {
      changed_.wait_until(lock, Clock::time_point(parcel.due));
      continue;
    }
    // Unlocked, so that the sender can go on; a deque's front stays put while others are pushed.
    lock.unlock();
    parcel.deliver();
    lock.lock();
    queues_[peer].pop_front();
    changed_.notify_all();
  }
}

// Of the fronts only: what is behind a late parcel waits for it.
int Courier::earliest() const {
  int found = kNobody;
  for (int peer = 0; peer < static_cast<int>(queues_.size()); ++peer) {
    if (queues_[peer].empty()) continue;
    if (found == kNobody || queues_[peer].front().due < queues_[found].front().due) found = peer;
  }
  return found;
}

}  // namespace tutti
