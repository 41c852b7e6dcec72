// Late delivery in order. Tested by inproc_test.cc.

#include "transports/inproc/courier.h"

namespace tutti {
Courier::Courier(int peers, std::chrono::microseconds max_delay, std::uint64_t seed)
    : queues_(peers), sent_(peers), random_(seed), delay_us_(0, max_delay.count()), thread_([this] {
        run();
      }) {}

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
    ++sent_[peer];
  }
  changed_.notify_all();
}

std::uint64_t Courier::sent(int peer) {
  const std::lock_guard lock(mutex_);
  return sent_[peer];
}

std::uint64_t Courier::delivered(int peer) {
  const std::lock_guard lock(mutex_);
  return sent_[peer] - queues_[peer].size();
}

void Courier::cancel(int peer) {
  std::unique_lock lock(mutex_);
  std::deque<Parcel>& queue = queues_[peer];
  // The front one may be on its way at this moment.
  queue.erase(queue.begin() + (delivering_ == peer ? 1 : 0), queue.end());
  changed_.wait(lock, [&] { return queue.empty(); });
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
    delivering_ = peer;
    lock.unlock();
    parcel.deliver();
    lock.lock();
    delivering_ = kNobody;
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
