// Runs calls as they are fed: each becomes a task of its own. Tested by enqueue_test.cc.

#include <unordered_map>

#include "communicator/impl.h"

namespace tutti {

class Communicator::Impl::FedTasks final : public TaskFeed {
 public:
  FedTasks(Impl& impl, CallFeed& calls) : impl_(impl), calls_(calls) {}

  Status feed(std::vector<Task*>& tasks) override {
    while (true) {
      Result<std::optional<FedCall>> next = calls_.next();
      if (!next.ok()) return next.status();
      if (!next->has_value()) return {};
      Result<Task*> task = add(**next);
      if (!task.ok()) return task.status();
      tasks.push_back(*task);
    }
  }

  void ended(Task& task) override {
    const auto running = running_.find(&task);
    impl_.note(task.job(), task.variant());
    calls_.ended(running->second.number);
    running_.erase(running);
  }

  bool complete() const override { return calls_.complete(); }

 private:
  struct Running {
    std::unique_ptr<Job> job;
    std::unique_ptr<Task> task;
    std::uint64_t number = 0;
  };

  Result<Task*> add(const FedCall& fed) {
    Result<std::unique_ptr<Job>> job = impl_.job_of_piece(fed);
    if (!job.ok()) return job.status();
    Running running{.job = std::move(*job), .task = nullptr, .number = fed.number};
    running.task =
        std::make_unique<Task>(impl_.executor_->site(), impl_.arena_of(*running.job), *running.job);
    Task* const task = running.task.get();
    running_.emplace(task, std::move(running));
    return task;
  }

  Impl& impl_;
  CallFeed& calls_;
  std::unordered_map<const Task*, Running> running_;
};

Result<std::unique_ptr<Job>> Communicator::Impl::job_of_piece(const FedCall& fed) {
  const Call& call = fed.call;
  if (call.variable && call.collective == Collective::kAllToAll) return announcement(call);
  Job* remembered = preparer_.recall(call, may_be_mapped_);
  if (remembered == nullptr) {
    Result<Job*> made = preparer_.prepare(call, may_be_mapped_);
    if (!made.ok()) return made.status();
    remembered = *made;
  }
  auto job = std::make_unique<Job>(*remembered);
  Signature signature = job->signature;
  signature.count = fed.whole;
  job->set_signature(signature);
  return job;
}

Status Communicator::Impl::run(CallFeed& feed) {
  FedTasks tasks(*this, feed);
  Status status = executor_->run(tasks);
  return status.ok() ? status : log_failure(std::move(status));
}

}  // namespace tutti
