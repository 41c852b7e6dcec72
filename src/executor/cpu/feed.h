// Tasks that become known while others run: what CpuExecutor::run() takes where a group does not
// begin as a whole.
//
// Tested by executor_test.cc and enqueue_test.cc.

#pragma once

#include <vector>

#include "executor/cpu/task.h"

namespace tutti {

class TaskFeed {
 public:
  virtual ~TaskFeed() = default;

  /// Adds the tasks that may begin now, those of an arena in their order. Called again and again by
  /// the thread that runs them; a failure ends the run.
  virtual Status feed(std::vector<Task*>& tasks) = 0;
  /// Has ended well, and is not touched any more.
  virtual void ended(Task& task) = 0;
  /// Whether all is done, tasks and whatever follows them.
  virtual bool complete() const = 0;
};

}  // namespace tutti
