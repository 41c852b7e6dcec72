// Where the heartbeat's thread writes up who departed and who is lost, and every other thread
// reads.
//
// Reading takes an atomic load while nobody is lost. Tested by heartbeat_test.cc.

#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "bootstrap/introductions.h"
#include "transports/heartbeat/news.h"
#include "tutti/status.h"

namespace tutti::heartbeat {

class Board {
 public:
  /// Who the ranks are, in rank order.
  explicit Board(std::vector<Identity> ranks);

  void publish(const News& news);  // one thread; at most once a rank

  Status check(int rank) const;
  bool departed(int rank) const { return fate(rank) == Fate::kDeparted; }

 private:
  Fate fate(int rank) const;

  const std::vector<Identity> ranks_;
  // Written with release after the sentence; pairs with the acquire of fate().
  std::vector<std::atomic<Fate>> fates_;
  std::atomic<bool> all_well_{true};  // nobody is lost; relaxed, since fates_ carries the order
  mutable std::mutex mutex_;
  std::vector<std::string> sentences_;  // by rank; under the mutex
};

}  // namespace tutti::heartbeat
