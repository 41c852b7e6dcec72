// How to wait: spin, then yield, then sleep.
//
// A sleep costs about 100 microseconds to wake from on a virtual machine, a yield a quarter of one;
// a rank that shares its core with the rank it waits for must yield at once.
//
// Tested by patience_test.cc.

#pragma once

#include <sched.h>

#include <chrono>
#include <cstdint>
#include <thread>

namespace tutti {

class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  /// `spins` polls before the first yield.
  explicit Patience(int spins) : spins_(spins) {}

  /// Something moved: wait eagerly again.
  void reset() {
    turns_ = 0;
    naps_ = false;
  }

  /// Called when nothing moved. True every few milliseconds: time to look around.
  bool pause() {
    if (++turns_ < spins_) {
      relax();
      return false;
    }
    if (naps_) {
      std::this_thread::sleep_for(kNap);
    } else {
      sched_yield();
      if (turns_ % kTurnsPerClock != 0) return false;
    }
    return is_time_to_look();
  }

 private:
  static constexpr int kTurnsPerClock = 64;
  static constexpr std::chrono::milliseconds kLook{2};
  static constexpr std::chrono::milliseconds kEager{200};
  static constexpr std::chrono::microseconds kNap{200};

  bool is_time_to_look() {
    const Clock::time_point now = Clock::now();
    if (turns_ < spins_ + kTurnsPerClock) since_ = looked_ = now;
    if (now - looked_ < kLook) return false;
    looked_ = now;
    naps_ = now - since_ > kEager;
    return true;
  }

  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
  }

  int spins_;
  std::int64_t turns_ = 0;
  bool naps_ = false;
  Clock::time_point since_;
  Clock::time_point looked_;
};

}  // namespace tutti
