// What a rank did when: spans of time by row, for chrome://tracing and Perfetto.
//
// Tested by train_timeline_test.cc.

#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tutti::train {

class Timeline {
 public:
  using Clock = std::chrono::steady_clock;

  /// Nothing is noted before, or once it is off again.
  void set_on(bool on) { on_ = on; }
  bool on() const { return on_; }

  /// In any order. Spans of a row do not overlap: one that begins before the end of the one before
  /// it is taken to begin there, for calls on a communicator run one after the other.
  void add(const std::string& row, std::string name, Clock::time_point begin,
           Clock::time_point end);

  /// Trace Event Format: complete events, a thread a row.
  std::string to_json() const;

 private:
  struct Span {
    std::size_t row = 0;
    std::string name;
    Clock::time_point begin;
    Clock::time_point end;
  };

  // By their beginnings.
  std::vector<Span> in_order() const;

  bool on_ = false;
  std::vector<std::string> rows_;
  std::vector<Span> spans_;
};

}  // namespace tutti::train
