// Takes one sender's puts and signals to their peers, late but in order per peer.
//
// Tested by inproc_test.cc.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace tutti {

class Courier {
 public:
  using Clock = std::chrono::steady_clock;

  Courier(int peers, std::chrono::microseconds max_delay, std::uint64_t seed);
  /// Delivers what is left, at once.
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Calls `deliver` on the courier's thread, after all that was sent to this peer before.
  void send(int peer, std::function<void()> deliver);

  /// How much was sent to the peer, and how much of it is delivered or forgotten.
  std::uint64_t sent(int peer);
  std::uint64_t delivered(int peer);

  /// Forgets what is not delivered yet to the peer. Blocks while a parcel is being delivered.
  void cancel(int peer);

 private:
  static constexpr int kNobody = -1;

  struct Parcel {
    Clock::time_point due;
    std::function<void()> deliver;
  };

  void run();
  int earliest() const;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::deque<Parcel>> queues_;  // by peer; the front stays until it is delivered
  std::vector<std::uint64_t> sent_;         // by peer
  std::mt19937_64 random_;
  std::uniform_int_distribution<std::int64_t> delay_us_;
  int delivering_ = kNobody;
  bool closing_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace tutti
