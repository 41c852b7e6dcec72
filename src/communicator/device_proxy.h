// A thread that makes calls for a device: what kernels cannot do goes through host memory.
//
// A stream of the caller's comes to the thread with a group of calls, and waits for its answer
// (device_visits.h); meanwhile the thread has the buffers copied to staging memory, makes the calls
// on it through a communicator of its own, and has the results copied back. It asks the device for
// nothing while kernels wait (device_copiers.h). Calls are made in the order of
// enqueue(), which is the same on all ranks, whatever their streams; those that a graph holds, when
// a stream comes to them.
//
// After the first failure, streams are let go on at once: they never hang. Tested by proxy_test.cc.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "communicator/device_staging.h"
#include "communicator/device_visits.h"
#include "communicator/feed.h"
#include "device/device.h"
#include "executor/cpu/patience.h"

namespace tutti {

class DeviceProxy final {
 public:
  /// What the thread works with. All must outlive it.
  struct Setting {
    DeviceVisits& visits;
    Staging& staging;
    int rank = 0;
    std::chrono::milliseconds call_timeout;
    /// Runs calls on host memory, in the thread.
    std::function<Status(CallFeed&)> run;
    /// Whether something has failed elsewhere; asked every few milliseconds while the thread waits
    /// for a stream, and now and then while there is nothing to do.
    std::function<Status()> look_around;
    /// Told of the first failure, in the thread.
    std::function<void(const Status&)> on_failure;
  };

  explicit DeviceProxy(const Setting& setting);
  /// Calls under way come to their end, or fail at the call timeout.
  ~DeviceProxy();

  /// A group that a stream has begun and not ended: what is issued in between runs at the same
  /// time.
  class Visit {
   public:
    Visit() = default;

   private:
    friend class DeviceProxy;
    Stream stream = nullptr;
    std::uint32_t group = 0;
  };
  /// `captured`: into a graph, which may be replayed any number of times, not beside itself;
  /// kNotSupported where streams wait themselves.
  /// REQUIRES: begin() and end() come in pairs; one thread at a time.
  Result<Visit> begin(Stream stream, bool captured);
  /// The thread makes the calls, of which there may be none, and the stream waits for their end.
  /// Those that are captured are kept as long as the proxy.
  Status end(const Visit& visit, std::span<const StagedCall> calls);

  /// The first failure, or OK. Any thread.
  Status health() const;

 private:
  using Clock = std::chrono::steady_clock;
  // A group that a stream is to come to. Counts are copies: the caller's need not live on.
  struct Group {
    std::uint32_t number = 0;
    std::vector<StagedCall> calls;
    std::vector<std::vector<std::size_t>> counts;
  };

  Result<std::uint32_t> next_issued();
  Result<std::uint32_t> next_captured() const;
  void loop();
  const Group* next();
  const Group* take();
  std::optional<std::uint32_t> oldest() const;
  const Group& group_of(std::uint32_t number);
  bool is_to_end();
  bool is_overdue();
  void wait_idle();
  void answer(const Group& group);
  void look_around();
  void make(const Group& group);
  void fail(Status status);

  const Setting setting_;
  std::uint32_t issued_ = 0;  // groups so far, of the caller's thread

  mutable std::mutex mutex_;
  std::condition_variable added_;
  std::deque<Group> groups_;    // issued and not answered
  std::deque<Group> captured_;  // all; their addresses stay
  bool closing_ = false;
  Clock::time_point closes_by_;
  Status failure_;

  std::thread thread_;
};

}  // namespace tutti
