// What makes ranks fail together: when a call fails on one of a rank's communicators, those on all
// its others are ended too, here and on every rank that shares them, which do the same. So all
// ranks soon learn that one is lost, and none waits for calls that nobody makes any more.
//
// Tested by train_elastic_test.cc.

#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tutti/tutti.h"

namespace tutti::train {

/// May be used by several threads.
class Alarm {
 public:
  void watch(std::weak_ptr<Communicator> communicator) {
    const std::scoped_lock lock(mutex_);
    watched_.push_back(std::move(communicator));
  }

  void ring(const std::string& why) {
    const std::scoped_lock lock(mutex_);
    for (const std::weak_ptr<Communicator>& watched : watched_) {
      if (const auto communicator = watched.lock()) communicator->abort(why);
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<Communicator>> watched_;
};

}  // namespace tutti::train
