// Tutti under measurement, on memory of a GPU.
//
// Time is the device's, from before the first call of a round to after the last. Run by
// scripts/gpu_check.

#include "cli/contender.h"

namespace tutti::cli {
namespace {

class GpuContender final : public Contender {
 public:
  GpuContender(Communicator& communicator, GpuBench& gpu, bool as_graph,
               std::chrono::milliseconds timeout)
      : communicator_(communicator), gpu_(gpu), as_graph_(as_graph), timeout_(timeout) {}

  Status prepare(const Round& round) override {
    calls_ = calls_of(round, communicator_.rank());
    group_ = calls_.size() * static_cast<std::size_t>(round.aggregate) / round.slots.size();
    return as_graph_ ? capture() : Status();
  }

  Status run() override {
    Status status = gpu_.start_clock();
    if (status.ok()) status = as_graph_ ? gpu_.replay() : enqueue_all();
    if (status.ok()) status = gpu_.stop_clock();
    // Calls have a deadline of their own, that says more.
    if (status.ok()) status = gpu_.synchronize(2 * timeout_);
    if (status.ok()) status = communicator_.health();
    if (!status.ok()) return status;
    const Result<double> time = gpu_.clock_us();
    if (time.ok()) time_us_ = *time;
    return time.status();
  }

  std::optional<double> device_time_us() const override { return time_us_; }
  bool checkable() const override { return true; }
  Explanation explain() const override { return communicator_.explain(); }
  void abort(const std::string& reason) override { communicator_.abort(reason); }

 private:
  Status enqueue_all() {
    for (std::size_t at = 0; at < calls_.size(); at += group_) {
      const std::span<const Call> group(&calls_[at], group_);
      if (Status status = communicator_.enqueue(group, gpu_.stream()); !status.ok()) return status;
    }
    return {};
  }

  // A capture that was begun is ended, whatever becomes of it.
  Status capture() {
    if (Status status = gpu_.begin_capture(); !status.ok()) return status;
    const Status enqueued = enqueue_all();
    const Status ended = gpu_.end_capture();
    return enqueued.ok() ? ended : enqueued;
  }

  Communicator& communicator_;
  GpuBench& gpu_;
  const bool as_graph_;
  const std::chrono::milliseconds timeout_;
  std::vector<Call> calls_;
  std::size_t group_ = 1;
  std::optional<double> time_us_;
};

}  // namespace

std::unique_ptr<Contender> make_gpu_contender(Communicator& communicator, GpuBench& gpu,
                                              const PerfOptions& options,
                                              std::chrono::milliseconds timeout) {
  return std::make_unique<GpuContender>(communicator, gpu, options.graph, timeout);
}

}  // namespace tutti::cli
