// Another library under measurement, through its adapter.
//
// Tested by cli_command_test.py.

#include <fmt/format.h>

#include "cli/contender.h"

namespace tutti::cli {
namespace {

class VsContender final : public Contender {
 public:
  explicit VsContender(VsLibrary& library) : library_(library) {}

  Status prepare(const Round& round) override {
    const Problem& p = round.problem;
    TuttiVsCall call = {.collective = static_cast<int>(p.collective),
                        .type = static_cast<int>(p.type),
                        .op = static_cast<int>(p.op),
                        .root = p.root,
                        .in_place = round.placement == Placement::kInPlace,
                        .count = p.count,
                        .element_bytes = size_of(p.type),
                        .input = nullptr,
                        .output = nullptr};
    if (!library_.supports(call)) {
      return {Code::kNotSupported, fmt::format("{} has no {} of {} {}", library_.name(),
                                               name(p.collective), name(p.type), name(p.op))};
    }
    // MPI_Reduce_scatter_block in place leaves its result at the front.
    checkable_ = p.collective != Collective::kReduceScatter || call.in_place == 0;
    calls_.clear();
    for (const Slot& slot : round.slots) {
      call.input = slot.input;
      call.output = slot.output;
      calls_.push_back(call);
    }
    return {};
  }

  Status run() override {
    for (const TuttiVsCall& call : calls_) {
      const Status status = library_.run(call);
      if (!status.ok()) return status;
    }
    return {};
  }

  bool checkable() const override { return checkable_; }
  Explanation explain() const override {
    Explanation explanation;
    explanation.algorithm = library_.name();
    return explanation;
  }

  // MPI has no way out but to end the job; its ranks' own errors end it.
  void abort(const std::string&) override {}

 private:
  VsLibrary& library_;
  std::vector<TuttiVsCall> calls_;
  bool checkable_ = true;
};

}  // namespace

std::unique_ptr<Contender> make_vs_contender(VsLibrary& library) {
  return std::make_unique<VsContender>(library);
}

}  // namespace tutti::cli
