// A thread that makes progress while nobody else does. Tested by transport_test.cc.

#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "bootstrap/socket.h"

namespace tutti::ucx {

class Attendant {
 public:
  struct Work {
    std::vector<int> event_fds;        // readable when there is something to do
    std::function<bool()> attended;    // whether others made progress since the last question
    std::function<bool()> do_and_arm;  // does all there is; true when the descriptors will tell
  };

  explicit Attendant(Work work);
  ~Attendant();
  Attendant(const Attendant&) = delete;
  Attendant& operator=(const Attendant&) = delete;

 private:
  void run();
  /// Sleeps until something happens on the descriptors, if asked to look, or until the end.
  void sleep(int ms, bool look);

  const Work work_;
  Fd end_;  // an eventfd
  std::atomic<bool> ending_{false};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace tutti::ucx
