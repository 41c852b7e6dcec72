// Tutti under measurement.
//
// Tested by cli_command_test.py.

#include <span>

#include "cli/contender.h"
#include "cli/pattern.h"

namespace tutti::cli {
namespace {

ReduceOp op_of(Reduction reduction) {
  if (reduction == Reduction::kPreMulSum) return ReduceOp::pre_mul_sum(kScale);
  if (reduction == Reduction::kUser) return ReduceOp::user(user_sum);
  return reduction;
}

// The call as its caller would write it; a send and a receive for send_recv.
std::vector<Call> calls_of(const Problem& p, const Slot& slot, int rank) {
  const ConstBuffer in(slot.input, input_elements(p), p.type);
  const Buffer out(slot.output, output_elements(p), p.type);
  switch (p.collective) {
    case Collective::kAllReduce:
      return {all_reduce(in, out, op_of(p.op))};
    case Collective::kAllGather:
      return {all_gather(in, out)};
    case Collective::kReduceScatter:
      return {reduce_scatter(in, out, op_of(p.op))};
    case Collective::kAllToAll:
      return {all_to_all(in, out)};
    case Collective::kBroadcast:
      return {broadcast(in, out, p.root)};
    case Collective::kReduce:
      return {reduce(in, out, op_of(p.op), p.root)};
    case Collective::kGather:
      return {gather(in, out, p.root)};
    case Collective::kScatter:
      return {scatter(in, out, p.root)};
    case Collective::kScan:
      return {scan(in, out, op_of(p.op))};
    case Collective::kExclusiveScan:
      return {exclusive_scan(in, out, op_of(p.op))};
    case Collective::kBarrier:
      return {barrier()};
    case Collective::kSendRecv:
      return {send(in, (rank + 1) % p.ranks), receive(out, (rank + p.ranks - 1) % p.ranks)};
  }
  return {};
}

class TuttiContender final : public Contender {
 public:
  explicit TuttiContender(Communicator& communicator) : communicator_(communicator) {}

  Status prepare(const Round& round) override {
    calls_ = calls_of(round, communicator_.rank());
    const std::size_t groups = round.slots.size() / static_cast<std::size_t>(round.aggregate);
    group_ = calls_.size() / groups;
    blocking_ = round.blocking;
    requests_.reserve(groups);
    return {};
  }

  Status run() override { return blocking_ ? run_blocking() : run_started(); }
  bool checkable() const override { return true; }
  Explanation explain() const override { return communicator_.explain(); }
  void abort(const std::string& reason) override { communicator_.abort(reason); }

 private:
  Status run_blocking() {
    for (std::size_t at = 0; at < calls_.size(); at += group_) {
      const Status status = group_ == 1
                                ? communicator_.run(calls_[at])
                                : communicator_.run(std::span<const Call>(&calls_[at], group_));
      if (!status.ok()) return status;
    }
    return {};
  }

  Status run_started() {
    requests_.clear();
    for (std::size_t at = 0; at < calls_.size(); at += group_) {
      auto request = communicator_.start(std::span<const Call>(&calls_[at], group_));
      if (!request.ok()) return request.status();
      requests_.push_back(std::move(*request));
    }
    return wait_all(requests_);
  }

  Communicator& communicator_;
  std::vector<Call> calls_;
  std::vector<Request> requests_;
  std::size_t group_ = 1;
  bool blocking_ = true;
};

}  // namespace

std::vector<Call> calls_of(const Round& round, int rank) {
  std::vector<Call> all;
  for (const Slot& slot : round.slots) {
    const auto calls = calls_of(round.problem, slot, rank);
    all.insert(all.end(), calls.begin(), calls.end());
  }
  return all;
}

std::unique_ptr<Contender> make_tutti_contender(Communicator& communicator) {
  return std::make_unique<TuttiContender>(communicator);
}

}  // namespace tutti::cli
