// Time as one rank lives through it: it stands still while the rank's thread does not run.
//
// A process that was stopped, a machine that was suspended or overloaded must not hold its own
// absence against the others. Silence is therefore measured on this clock. Pure.
// Tested by heartbeat_watch_test.cc.

#pragma once

#include <algorithm>
#include <chrono>

namespace tutti::heartbeat {

class OwnTime {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  using Duration = Moment::duration;

  /// The thread means to run every `most` / 2; a longer pause counts as `most`, and one of
  /// `stall` or more was none that it was awake for: it counts for nothing.
  OwnTime(Moment now, Duration most, Duration stall) : last_(now), most_(most), stall_(stall) {}

  Duration now() const { return own_; }

  /// Time goes on to `now`. False after a stall.
  bool advance(Moment now) {
    const Duration gap = now - last_;
    last_ = now;
    if (gap >= stall_) return false;
    own_ += std::clamp(gap, Duration{0}, most_);
    return true;
  }

 private:
  Moment last_;
  Duration own_{0};
  const Duration most_, stall_;
};

}  // namespace tutti::heartbeat
