// A line on standard error that says how far a long run is, when a person looks on.

#pragma once

#include <chrono>
#include <string>

namespace tutti::cli {

class Progress {
 public:
  /// Never shows anything unless `wanted` and standard error is a terminal.
  explicit Progress(bool wanted);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Replaces the line, a few times a second at most.
  void show(const std::string& what, double share);
  /// Removes it, before something else is printed.
  void clear();

 private:
  const bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace tutti::cli
