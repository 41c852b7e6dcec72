#include "executor/cpu/flat.h"

#include <algorithm>
#include <cstring>

#include "executor/cpu/entry.h"

namespace tutti {
namespace {

// Beyond this the time goes into the moves, and tasks with several blocks do better.
constexpr std::size_t kMostBytes = std::size_t{256} << 10;

class Flattener {
 public:
  Flattener(const Job& job, const Site& site)
      : job_(job), variant_(job.staged), site_(site), element_(job.reducer.element()) {}

  FlatProgram run() {
    const Plan& plan = *variant_.plan;
    stride_ =
        (variant_.tile * element_ + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
    for (const Instruction& instruction : plan.instructions) add(instruction);
    program_.line_bytes = static_cast<std::uint32_t>(plan.lines * variant_.width * kLineBytes);
    const auto scratch = static_cast<std::uint32_t>(plan.scratch_chunks * stride_);
    (plan.inline_payload ? program_.private_bytes : program_.scratch_bytes) = scratch;
    return std::move(program_);
  }

 private:
  int global(int plan_rank) const {
    if (plan_rank == kSelf) return site_.rank;
    return job_.is_message() ? job_.pair[plan_rank] : plan_rank;
  }

  std::size_t length(const Chunk& chunk) const {
    if (chunk.space == Space::kScratch) return variant_.tile;
    const Extents& extents =
        chunk.space == Space::kInput ? variant_.input_extents : variant_.output_extents;
    return extents.length(chunk.index, global(chunk.rank));
  }

  FlatOperand operand(const Chunk& chunk) const {
    if (chunk.space == Space::kScratch) {
      const bool is_private = variant_.plan->inline_payload;
      return {is_private ? kFlatPrivate : global(chunk.rank),
              static_cast<std::uint32_t>(chunk.index * stride_)};
    }
    const bool in = chunk.space == Space::kInput;
    const Extents& extents = in ? variant_.input_extents : variant_.output_extents;
    return {in ? kFlatInput : kFlatOutput,
            static_cast<std::uint32_t>(extents.offset(chunk.index) * element_)};
  }

  void add(const Instruction& instruction) {
    FlatStep step;
    step.action = instruction.action;
    step.operand = static_cast<std::uint32_t>(program_.operands.size());
    step.sources = static_cast<std::uint16_t>(instruction.sources.size());
    step.targets = static_cast<std::uint16_t>(instruction.targets.size());
    if (instruction.action != Action::kMove) {
      step.peer = global(instruction.peer);
      step.line = static_cast<std::uint32_t>(instruction.line * variant_.width * kLineBytes);
      if (step.sources + step.targets != 0) step.width = variant_.width;
    }
    std::size_t count = variant_.tile;
    for (const std::vector<Chunk>* chunks : {&instruction.sources, &instruction.targets}) {
      for (const Chunk& chunk : *chunks) {
        count = std::min(count, length(chunk));
        program_.operands.push_back(operand(chunk));
      }
    }
    step.count = static_cast<std::uint32_t>(count);
    step.bytes = static_cast<std::uint32_t>(count * element_);
    if (instruction.action != Action::kMove && step.sources + step.targets == 0) step.bytes = 0;
    if (instruction.action == Action::kMove && count == 0) return;
    program_.steps.push_back(step);
  }

  const Job& job_;
  const Variant& variant_;
  const Site& site_;
  const std::size_t element_;
  std::size_t stride_ = 0;
  FlatProgram program_;
};

}  // namespace

void flatten(Job& job, const Site& site) {
  const bool fits =
      job.staged.blocks == 1 && job.mapped.plan == nullptr && !site.has_unmapped &&
      !job.reducer.scales_inputs() && !job.reducer.divides_outputs() &&
      job.staged.tile * job.reducer.element() * (job.staged.plan->scratch_chunks + 1) <= kMostBytes;
  if (!fits) return;
  job.flat = Flattener(job, site).run();
  Workspace& workspace = job.workspace;
  for (const FlatStep& step : job.flat.steps) {
    workspace.sources.resize(std::max<std::size_t>(workspace.sources.size(), step.sources));
    workspace.targets.resize(std::max<std::size_t>(workspace.targets.size(), step.targets));
  }
  workspace.scratch.resize(job.flat.private_bytes);
}

}  // namespace tutti
