// A stream of ThreadDevice: a thread that does what it is given, in that order.
//
// Tested by device_test.cc.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "device/thread_crew.h"

namespace tutti {

struct ThreadKernel {
  const char* name;
  void (*run)(const void* arguments, int block, int blocks);  // arguments: aligned as by malloc
};

/// A sleep before each operation, and before each block of a kernel, of up to `most`: what a slow
/// or busy GPU would do to the order of things. The same seed gives the same sleeps.
struct ThreadDelays {
  std::chrono::microseconds most{0};
  std::uint64_t seed = 0;
};

class ThreadStream {
 public:
  using Work = std::function<void(ThreadStream&)>;
  using Recording = std::vector<Work>;

  explicit ThreadStream(const ThreadDelays& delays);
  /// What runs comes to its end, unless it waits for a flag; what has not begun is dropped.
  ~ThreadStream();
  ThreadStream(const ThreadStream&) = delete;
  ThreadStream& operator=(const ThreadStream&) = delete;

  void copy(void* target, const void* source, std::size_t bytes);
  void set(std::uint32_t* flag, std::uint32_t value);
  void wait_until(const std::uint32_t* flag, std::uint32_t value);
  void launch(const ThreadKernel& kernel, int blocks, std::span<const std::byte> arguments);

  /// Until end_recording(), what is given is kept instead of done.
  void begin_recording();
  Recording end_recording();
  bool is_recording();
  void replay(const Recording& recording);

  /// Whether all that was given is done, at the latest by then.
  bool is_done_by(std::chrono::steady_clock::time_point deadline);

 private:
  void give(Work work);
  void serve();
  void run(const ThreadKernel& kernel, int blocks, const void* arguments);
  void wait(const std::uint32_t* flag, std::uint32_t value);
  std::chrono::microseconds delay();

  std::mutex mutex_;
  std::condition_variable given_;
  std::condition_variable done_;
  std::deque<Work> queue_;  // its first is being done
  bool recording_ = false;
  Recording record_;
  std::atomic<bool> ending_ = false;  // read without the mutex by wait()

  // Of the thread.
  const ThreadDelays delays_;
  std::mt19937_64 random_;
  ThreadCrew crew_;
  std::thread thread_;
};

}  // namespace tutti
