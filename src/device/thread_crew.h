// Threads that stand for the blocks of a kernel: all of them at once, one after the other kernel.
// Tested by device_test.cc.

#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tutti {

class ThreadCrew {
 public:
  ThreadCrew() = default;
  ~ThreadCrew();
  ThreadCrew(const ThreadCrew&) = delete;
  ThreadCrew& operator=(const ThreadCrew&) = delete;

  /// task(i) for every i < count, each on a thread of its own, so that they may wait for each
  /// other; returns when all have. One caller at a time, whose thread is one of them.
  void run(int count, const std::function<void(int)>& task);

 private:
  void serve(int member);

  std::mutex mutex_;
  std::condition_variable begun_;
  std::condition_variable done_;
  const std::function<void(int)>* task_ = nullptr;
  int count_ = 0;
  int running_ = 0;      // members that have not finished the task
  unsigned rounds_ = 0;  // tasks begun
  bool ending_ = false;
  std::vector<std::thread> members_;  // i runs task(i + 1)
};

}  // namespace tutti
