// The ranks that work together in a dimension of the mesh: a communicator, whose failures end the
// run, and which notes how long it is waited for.
//
// A group of one rank does nothing and costs nothing: no caller asks how many there are.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "train/alarm.h"
#include "train/failure.h"
#include "train/mesh.h"
#include "train/timeline.h"
#include "tutti/tutti.h"

namespace tutti::train {

/// Seconds and bytes of communication since the last look.
struct Traffic {
  double waited = 0;  // the caller stood still: exposed
  double hidden = 0;  // under way while the caller worked
  double bytes = 0;   // that this rank gave to calls
  long calls = 0;

  Traffic& operator+=(const Traffic& other) {
    waited += other.waited;
    hidden += other.hidden;
    bytes += other.bytes;
    calls += other.calls;
    return *this;
  }
};

class Group {
 public:
  Group() = default;
  /// `alarm`: what this group's failures ring, and whose ringing ends its calls.
  explicit Group(Communicator communicator, std::shared_ptr<Alarm> alarm = nullptr);

  int rank() const { return is_empty() ? 0 : communicator_->rank(); }
  int ranks() const { return is_empty() ? 1 : communicator_->ranks(); }
  bool alone() const { return ranks() == 1; }

  /// In place.
  template <class T>
  void all_reduce(std::span<T> data, ReduceOp op = {}) {
    if (!alone()) run(tutti::all_reduce(data, data, op), data.size_bytes());
  }
  /// output = the inputs of all ranks.
  template <class T>
  void all_gather(std::span<const T> input, std::span<T> output) {
    run_or_copy(input, output, tutti::all_gather(input, output));
  }
  /// output = this rank's part of the sum of the inputs.
  template <class T>
  void reduce_scatter(std::span<const T> input, std::span<T> output) {
    run_or_copy(input, output, tutti::reduce_scatter(input, output));
  }
  /// Part r of output = this rank's part of rank r's input.
  template <class T>
  void all_to_all(std::span<const T> input, std::span<T> output) {
    run_or_copy(input, output, tutti::all_to_all(input, output));
  }
  template <class T>
  void broadcast(std::span<T> data, int root) {
    if (!alone()) run(tutti::broadcast(data, data, root), data.size_bytes());
  }
  /// Sends and receives at once; calls with a peer below 0 are left out.
  template <class T>
  void exchange(std::span<const T> out, int to, std::span<T> in, int from) {
    std::vector<Call> calls;
    if (to >= 0) calls.push_back(send(out, to));
    if (from >= 0) calls.push_back(receive(in, from));
    if (!calls.empty()) run(calls, to >= 0 ? out.size_bytes() : 0);
  }

  /// A call under way. Waits when destroyed; wait() says what went wrong.
  class Pending {
   public:
    Pending() = default;
    void wait();
    /// Whether wait() would return at once.
    bool ended() const { return !request_ || request_->test(); }

   private:
    friend class Group;
    std::optional<Request> request_;
    Group* group_ = nullptr;
    std::string name_;  // where it is watched
  };
  /// Issues without waiting; buffers must live until wait().
  Pending start(const Call& call, std::size_t bytes) { return start(std::span(&call, 1), bytes); }
  Pending start(std::span<const Call> calls, std::size_t bytes);

  /// What was noted since the last call.
  Traffic take_traffic() { return std::exchange(traffic_, {}); }

  Communicator& communicator() { return *communicator_; }

  /// As Communicator::split(), with this group's alarm. Collective.
  Group split(int color);

  /// Notes calls on a time line, which must outlive the group, as a row of that name. Groups made
  /// of this one's communicator do not.
  void watch(Timeline* timeline, std::string row) {
    timeline_ = timeline;
    row_ = std::move(row);
  }
  Timeline* timeline() const { return timeline_; }

 private:
  void run(const Call& call, std::size_t bytes) { run(std::span(&call, 1), bytes); }
  void run(std::span<const Call> calls, std::size_t bytes);

  template <class T>
  void run_or_copy(std::span<const T> input, std::span<T> output, const Call& call) {
    if (!alone()) {
      run(call, input.size_bytes());
    } else if (input.data() != output.data()) {
      std::copy(input.begin(), input.end(), output.begin());
    }
  }

  bool is_empty() const { return communicator_ == nullptr || communicator_->empty(); }
  void expect_ok(const Status& status) const;
  // "all_reduce, 4096 bytes" on the time line.
  void note(const std::string& row, const std::string& name, Timeline::Clock::time_point begin,
            Timeline::Clock::time_point end);

  std::shared_ptr<Communicator> communicator_;  // shared with the alarm
  std::shared_ptr<Alarm> alarm_;
  Traffic traffic_;
  Timeline* timeline_ = nullptr;
  std::string row_;
};

/// All groups of a rank, made of one communicator by split(). Collective.
struct Groups {
  Mesh mesh;
  Place place = {};
  Group world;
  Group tensor;
  Group context;
  Group pipeline;
  Group data;
  Group gradients;   // data and context: ranks whose gradients of the same weights are added
  Group model;       // pipeline and tensor: ranks that hold one replica's weights between them
  Group embeddings;  // first and last stage, which both hold tied embeddings; others are alone

  static Groups make(Communicator world, const Mesh& mesh, std::shared_ptr<Alarm> alarm = nullptr);

  int at(Dimension dimension) const { return place[static_cast<int>(dimension)]; }
  void watch(Timeline* timeline);
};

}  // namespace tutti::train
