// Groups: what a thread has asked for between ncclGroupStart() and ncclGroupEnd(). Without one,
// a call is a group of itself.
//
// Jobs (beginnings, splits, shrinks) run first and all at once, each in a thread, as they wait for
// each other. Calls follow: those of a communicator in their order, as one group; those of several
// communicators all begun before any is waited for, so that one thread can play several ranks.
//
// Tested by nccl_test.cc.

#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "nccl/call.h"

namespace tutti::nccl {

/// Something that waits for other ranks. It tells its communicator what came of it.
struct Job {
  const char* function = "";
  std::function<Status()> work = {};
  std::function<void()> drop = {};  // instead of work
  bool blocking = true;             // else it goes on by itself, and the answer is ncclInProgress
};

/// The calls of a communicator in a group.
struct CallsOfComm {
  std::shared_ptr<Comm> comm;
  std::vector<Call> calls;
  void* stream = nullptr;
};

class Group {
 public:
  void begin() { ++depth_; }
  /// Runs it, if this is the outermost end. Where a call of the group was wrong, nothing runs and
  /// its code is the answer.
  ncclResult_t end();
  /// Ends it without running it: microseconds that it is expected to take, or kNotSupported. A
  /// group without calls leaves `microseconds` as it is.
  Status simulate(float& microseconds);
  bool is_open() const { return depth_ > 0; }

  ncclResult_t add(const char* function, Result<CheckedCall> call);
  ncclResult_t add(Job job);
  /// The answer of a function whose arguments are wrong, which spoils an open group.
  ncclResult_t refuse(const char* function, const Status& status);

 private:
  struct Contents {
    std::vector<Job> jobs;
    std::vector<CheckedCall> calls;
    ncclResult_t wrong = ncclSuccess;  // the first call that was
  };
  ncclResult_t run();
  /// Whatever becomes of them, the next group begins anew.
  Contents take() { return std::exchange(contents_, {}); }

  int depth_ = 0;
  Contents contents_;
};

/// This thread's.
Group& group();

/// By communicator, in the order of their first calls. Factors are read now.
Result<std::vector<CallsOfComm>> by_comm(const std::vector<CheckedCall>& calls);

/// What calls are expected to take, one after the other (estimate.cc).
Result<double> estimate_seconds(const std::vector<CheckedCall>& calls);

}  // namespace tutti::nccl
