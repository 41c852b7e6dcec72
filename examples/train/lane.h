// One-way streets between two ranks of a pipeline. Each is a communicator of its own: calls on a
// communicator run in the order they were made, and what a rank waits to receive from one peer must
// not hold up what it sends to another.
//
// The sender never waits, because buffers are made as needed: so a schedule that ends when nobody
// has to wait for memory (pipeline.h, check()) ends. Receivers ask in the sender's order, which
// they know from the schedule, one message before they need it.
//
// Tested by train_pipeline_run_test.cc.

#pragma once

#include <deque>
#include <vector>

#include "train/array.h"
#include "train/group.h"
#include "tutti/pipeline.h"

namespace tutti::train {

template <class T>
class Outbox {
 public:
  /// Messages of `count` elements. The lane must outlive it.
  Outbox(Group& lane, std::size_t count) : lane_(lane), count_(count) {}

  /// Where the next message is to be written.
  T* next();
  /// Sends it off.
  void send();
  /// Waits until all have been taken.
  void finish();

 private:
  struct Message {
    Array<T> data;
    Group::Pending call;
  };

  Group& lane_;
  const std::size_t count_;
  std::deque<Message> sent_;
  std::vector<Array<T>> spare_;
  Array<T> open_;
};

template <class T>
class Inbox {
 public:
  Inbox(Group& lane, std::size_t count) : lane_(lane), count_(count) {}

  /// What comes, in the sender's order; named by the task that wants it.
  void expect(std::vector<PipelineTask> order);
  /// Waits for a message; it is the caller's until the next take().
  const T* take(const PipelineTask& task);

 private:
  struct Message {
    PipelineTask task;
    Array<T> data;
    Group::Pending call;
  };

  void ask();

  Group& lane_;
  const std::size_t count_;
  std::vector<PipelineTask> order_;
  std::size_t asked_ = 0;  // of the order
  std::vector<Message> asked_for_;
  std::vector<Array<T>> spare_;
  Array<T> taken_;
};

/// A rank's four lanes; those that lead nowhere are alone.
struct Lanes {
  Group forward_in, forward_out, backward_in, backward_out;

  /// From each rank to the next, and back; `closed`: from the last one to the first, too.
  /// Collective over the group.
  static Lanes make(Group& group, bool closed);
  Traffic take_traffic();
  /// Of each lane.
  void expect_well() const;
};

}  // namespace tutti::train
