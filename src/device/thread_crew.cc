// Tested by device_test.cc.

#include "device/thread_crew.h"

namespace tutti {

ThreadCrew::~ThreadCrew() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  begun_.notify_all();
  for (std::thread& member : members_) member.join();
}

void ThreadCrew::run(int count, const std::function<void(int)>& task) {
  {
    const std::scoped_lock lock(mutex_);
    task_ = &task;
    count_ = count;
    running_ = count - 1;
    ++rounds_;
    // A new member sees this round, and those to come.
    while (static_cast<int>(members_.size()) < count - 1) {
      members_.emplace_back(&ThreadCrew::serve, this, static_cast<int>(members_.size()) + 1);
    }
  }
  begun_.notify_all();
  task(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return running_ == 0; });
}

void ThreadCrew::serve(int member) {
  std::unique_lock lock(mutex_);
  unsigned seen = rounds_ - 1;
  while (true) {
    begun_.wait(lock, [&] { return ending_ || rounds_ != seen; });
    if (ending_) return;
    seen = rounds_;
    if (member >= count_) continue;
    lock.unlock();
    (*task_)(member);
    lock.lock();
    if (--running_ == 0) done_.notify_one();
  }
}

}  // namespace tutti
