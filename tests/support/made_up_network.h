// Heartbeats of many ranks in made-up time, over a made-up network: hours pass in moments.
//
//   MadeUpNetwork network(8, 1000ms);
//   network.begin();
//   network.stop(3);
//   network.run(1200ms);
//   EXPECT_EQ(network.at(0).fate(3), Fate::kLost);
//
// Every message goes through its bytes.

#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "transports/heartbeat/datagram.h"
#include "transports/heartbeat/watch.h"

namespace tutti::test {

using heartbeat::Fate;
using heartbeat::Moment;
using heartbeat::Watch;
using std::chrono::milliseconds;

class MadeUpNetwork {
 public:
  /// True if a message between the two ranks gets lost.
  using Loss = std::function<bool(int from, int to)>;

  MadeUpNetwork(int ranks, milliseconds timeout) : timeout_(timeout), hosts_(ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      // Not in step with each other.
      const Moment first_beat = now_ + rank * 37 % 100 * timeout / 1000;
      hosts_[rank].watch = std::make_unique<Watch>(rank, ranks, timeout, first_beat);
    }
  }

  int ranks() const { return static_cast<int>(hosts_.size()); }
  Watch& at(int rank) { return *hosts_[rank].watch; }
  Moment now() const { return now_; }
  long sent() const { return sent_; }

  void lose(Loss loss) { loss_ = std::move(loss); }

  /// Everybody hears everybody, then judges.
  void begin() {
    run(timeout_ / 10 + milliseconds(20));
    for (Host& host : hosts_) host.watch->begin();
  }

  /// The rank's process no longer runs; what is sent to it waits, as far as there is room.
  void stop(int rank) { hosts_[rank].runs = false; }
  void go_on(int rank) {
    hosts_[rank].runs = true;
    turn(rank);
  }
  void report(int rank, int lost, const std::string& why) {
    at(rank).report(lost, why, now_);
    turn(rank);
  }
  void depart(int rank) {
    at(rank).depart(now_);
    turn(rank);
  }

  void run(milliseconds time) {
    const Moment end = now_ + time;
    while (step(end)) {
    }
    now_ = end;
  }

 private:
  static constexpr std::size_t kRoom = 250;  // datagrams, about what Linux keeps for a socket

  struct Host {
    std::unique_ptr<Watch> watch;
    bool runs = true;
    std::vector<std::string> inbox;
  };

  // The next thing that happens, if it is before `end`.
  bool step(Moment end) {
    Moment next = on_the_way_.empty() ? end : std::min(end, on_the_way_.begin()->first);
    int waker = -1;
    for (int rank = 0; rank < ranks(); ++rank) {
      const Host& host = hosts_[rank];
      if (!host.runs || host.watch->gone(now_) || host.watch->wake() >= next) continue;
      next = host.watch->wake();
      waker = rank;
    }
    if (next >= end) return false;
    now_ = std::max(now_, next);
    if (waker >= 0) {
      turn(waker);
    } else {
      arrive();
    }
    return true;
  }

  void arrive() {
    auto [to, bytes] = std::move(on_the_way_.begin()->second);
    on_the_way_.erase(on_the_way_.begin());
    if (hosts_[to].watch->gone(now_)) return;
    if (hosts_[to].inbox.size() < kRoom) hosts_[to].inbox.push_back(std::move(bytes));
    if (hosts_[to].runs) turn(to);
  }

  // What the thread of a heartbeat does.
  void turn(int rank) {
    Host& host = hosts_[rank];
    for (const std::string& bytes : host.inbox) {
      host.watch->hear(*heartbeat::decode(bytes, key_, ranks()), now_);
    }
    host.inbox.clear();
    for (const heartbeat::Letter& letter : host.watch->turn(now_)) {
      ++sent_;
      if (loss_ && loss_(rank, letter.to)) continue;
      const auto latency = std::chrono::microseconds(100 + random_() % 1000);
      on_the_way_.emplace(now_ + latency,
                          std::pair(letter.to, heartbeat::encode(letter.message, key_)));
    }
  }

  const milliseconds timeout_;
  std::vector<Host> hosts_;
  Moment now_{};
  Loss loss_;
  std::multimap<Moment, std::pair<int, std::string>> on_the_way_;
  std::mt19937 random_{3};
  long sent_ = 0;
  const std::string key_ = "0123456789abcdef";
};

}  // namespace tutti::test
