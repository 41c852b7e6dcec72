// The ranks that work together in a dimension of the mesh: a communicator, whose failures end the
// run, and which notes how long it is waited for.
//
// A group of one rank does nothing and costs nothing: no caller asks how many there are.

#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "train/alarm.h"
#include "train/array.h"
#include "train/device/accelerator.h"
#include "train/element.h"
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
  /// The seconds of a call.
  void count(const PieceTimes& times);
};

/// What calls take.
template <class T>
ConstBuffer wired(std::span<const T> numbers) {
  if constexpr (kOnDevice<T>) {
    return {numbers.data(), numbers.size(), kTypeOf<T>};
  } else {
    return numbers;
  }
}
template <class T>
Buffer wired(std::span<T> numbers) {
  if constexpr (kOnDevice<T>) {
    return {numbers.data(), numbers.size(), kTypeOf<T>};
  } else {
    return numbers;
  }
}

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
    if (!alone()) run<T>(tutti::all_reduce(wired(data), wired(data), op), data.size_bytes());
  }
  /// output = the inputs of all ranks.
  template <class T>
  void all_gather(std::span<const T> input, std::span<T> output) {
    run_or_copy(input, output, tutti::all_gather(wired(input), wired(output)));
  }
  /// The same with counts[r] elements from rank r.
  template <class T>
  void all_gather_v(std::span<const T> input, std::span<T> output,
                    std::span<const std::size_t> counts) {
    run_or_copy(input, output, tutti::all_gather_v(wired(input), wired(output), counts));
  }
  /// output = this rank's part of the sum of the inputs.
  template <class T>
  void reduce_scatter(std::span<const T> input, std::span<T> output) {
    run_or_copy(input, output, tutti::reduce_scatter(wired(input), wired(output)));
  }
  /// Part r of output = this rank's part of rank r's input.
  template <class T>
  void all_to_all(std::span<const T> input, std::span<T> output) {
    run_or_copy(input, output, tutti::all_to_all(wired(input), wired(output)));
  }
  template <class T>
  void broadcast(std::span<T> data, int root) {
    if (!alone()) run<T>(tutti::broadcast(wired(data), wired(data), root), data.size_bytes());
  }
  /// Sends and receives at once; calls with a peer below 0 are left out.
  template <class T>
  void exchange(std::span<const T> out, int to, std::span<T> in, int from) {
    std::vector<Call> calls;
    if (to >= 0) calls.push_back(send(wired(out), to));
    if (from >= 0) calls.push_back(receive(wired(in), from));
    if (!calls.empty()) run(calls, to >= 0 ? out.size_bytes() : 0, is_there<T>());
  }

  /// A call under way. Waits when destroyed; wait() says what went wrong.
  class Pending {
   public:
    Pending() = default;
    Pending(Pending&& other) noexcept;
    Pending& operator=(Pending&& other) noexcept;
    ~Pending();
    /// On a GPU it is the accelerator that waits.
    void wait();
    /// Whether wait() would return at once.
    bool ended() const;

   private:
    friend class Group;
    void wait_there();

    std::optional<Request> request_;
    long piece_ = 0;  // of the group's beside_
    Group* group_ = nullptr;
    std::string name_;  // where it is watched
  };
  /// Issues without waiting; buffers, of T's, must live until wait().
  template <class T>
  Pending start(const Call& call, std::size_t bytes) {
    return start<T>(std::span(&call, 1), bytes);
  }
  template <class T>
  Pending start(std::span<const Call> calls, std::size_t bytes) {
    return start(calls, bytes, is_there<T>());
  }

  /// What was noted since the last call; of calls on a GPU, of those that it is known to have
  /// ended.
  Traffic take_traffic();

  /// Failure where a call on a GPU has failed, among those that the accelerator is known to have
  /// done: their results mean nothing.
  void expect_well() const;

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
  // Whether calls on T's are those of a GPU: issued, and waited for by what is issued later.
  template <class T>
  static bool is_there() {
    return kOnDevice<T> && !accelerator().is_host();
  }

  template <class T>
  void run(const Call& call, std::size_t bytes) {
    run(std::span(&call, 1), bytes, is_there<T>());
  }
  void run(std::span<const Call> calls, std::size_t bytes, bool there);
  Pending start(std::span<const Call> calls, std::size_t bytes, bool there);

  // Calls on a GPU, by the stream on which they are issued.
  struct Issued {
    std::unique_ptr<Aside> on;
    std::deque<std::string> names;  // of pieces whose times are not known yet, "" if not watched
  };
  long enqueue(Issued& issued, std::span<const Call> calls, std::size_t bytes);
  void take_times(Issued& issued);

  template <class T>
  void run_or_copy(std::span<const T> input, std::span<T> output, const Call& call) {
    if (!alone()) {
      run<T>(call, input.size_bytes());
    } else if (input.data() != output.data()) {
      copy_elements(input.data(), static_cast<long>(input.size()), output.data());
    }
  }

  bool is_empty() const { return communicator_ == nullptr || communicator_->empty(); }
  void expect_ok(const Status& status) const;
  // "all_reduce, 4096 bytes" on the time line, and the time that was waited for it.
  void note(const std::string& name, const PieceTimes& times);

  std::shared_ptr<Communicator> communicator_;  // shared with the alarm
  std::shared_ptr<Alarm> alarm_;
  // Each group has a stream of its own: what is waited for in one must not hold up another.
  Issued beside_;
  Issued in_line_;
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
  /// Of each group.
  void expect_well() const;
};

}  // namespace tutti::train
