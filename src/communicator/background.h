// The thread that runs calls nobody waits for, in the order they were started.
//
// Tested by nonblocking_test.cc.

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tutti/tutti.h"

namespace tutti {

/// The shared end of a Request.
struct Request::State {
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  Status status;
  Times times;

  void finish(Status result, std::chrono::steady_clock::time_point begin);
};

class Background {
 public:
  using Runner = std::function<Status(std::span<const Call>)>;

  explicit Background(Runner runner);
  /// Runs what is queued, then ends.
  ~Background();

  std::shared_ptr<Request::State> add(std::span<const Call> group);

 private:
  struct Work {
    std::vector<Call> calls;
    std::shared_ptr<Request::State> state;  // the thread's share
  };

  void loop();

  Runner runner_;
  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<Work> queue_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace tutti
