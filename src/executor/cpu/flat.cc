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
      : job_(job), variant_(job.staged), site_(site), element_(size_of(job.type)) {}

  FlatProgram run() {
    const Plan& plan = *variant_.plan;
    stride_ = (variant_.tile * element_ + Arena::kScratchAlignment - 1) / Arena::kScratchAlignment *
              Arena::kScratchAlignment;
    for (const Instruction& instruction : plan.instructions) add(instruction);
    program_.line_bytes = static_cast<std::uint32_t>(plan.lines * kLineBytes);
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
      step.line = static_cast<std::uint32_t>(instruction.line * kLineBytes);
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
      job.staged.tile * size_of(job.type) * (job.staged.plan->scratch_chunks + 1) <= kMostBytes;
  if (!fits) return;
  job.flat = Flattener(job, site).run();
  Workspace& workspace = job.workspace;
  for (const FlatStep& step : job.flat.steps) {
    workspace.sources.resize(std::max<std::size_t>(workspace.sources.size(), step.sources));
    workspace.targets.resize(std::max<std::size_t>(workspace.targets.size(), step.targets));
  }
  workspace.scratch.resize(job.flat.private_bytes);
}

FlatRun::FlatRun(const Site& site, Arena& arena, Job& job, Entry& entry)
    : site_(site), arena_(arena), job_(job), entry_(entry), block_(arena.next_block++) {
  const auto lines = arena.lines.take(block_, job.flat.line_bytes);
  const auto scratch = arena.scratch.take(block_, job.flat.scratch_bytes);
  lines_ = arena.lines_at + lines.offset;
  scratch_ = arena.scratch_at + scratch.offset;
  after_ = std::max(lines.after, scratch.after);
}

FlatRun::State FlatRun::advance() {
  if (!admitted_ && !admit()) return State::kBlocked;
  const std::vector<FlatStep>& steps = job_.flat.steps;
  for (; at_ < steps.size(); ++at_) {
    const FlatStep& step = steps[at_];
    switch (step.action) {
      case Action::kMove:
        move(step);
        break;
      case Action::kSignal:
        give(step);
        break;
      case Action::kWait:
        if (const State state = take(step); state != State::kDone) {
          entry_.suspect = step.peer;
          return state;
        }
        break;
    }
  }
  finish();
  return State::kDone;
}

// Whether the peers have finished with the memory that this block will write; see Task::admit().
bool FlatRun::admit() {
  const Plan& plan = *job_.staged.plan;
  for (int receiver : plan.receivers) {
    std::uint64_t& seen = arena_.peer_completed[receiver];
    if (seen >= after_) continue;
    const int peer = job_.is_message() ? job_.pair[receiver] : receiver;
    // Pairs with the release in finish() of the peer.
    seen = word_at(site_.windows[peer], arena_.completed_at).load(std::memory_order_acquire);
    if (seen >= after_) continue;
    entry_.suspect = peer;
    return false;
  }
  return admitted_ = true;
}

void FlatRun::give(const FlatStep& step) {
  Line& line = line_at(site_.windows[step.peer], lines_ + step.line);
  if (step.bytes != 0) {
    const std::byte* payload = address(job_.flat.operands[step.operand]);
    // Powers of two are one store each; the rest is rare.
    if (step.bytes == 8) {
      std::memcpy(line.payload, payload, 8);
    } else if (step.bytes == 4) {
      std::memcpy(line.payload, payload, 4);
    } else {
      std::memcpy(line.payload, payload, step.bytes);
    }
  }
  line.signature = static_cast<std::uint32_t>(entry_.chain);
  line.bytes = step.bytes;
  // Publishes the line and all that was stored before; pairs with the acquire in take().
  line.flag.store(block_, std::memory_order_release);
}

FlatRun::State FlatRun::take(const FlatStep& step) {
  const Line& line = line_at(site_.windows[site_.rank], lines_ + step.line);
  if (line.flag.load(std::memory_order_acquire) != block_) return State::kBlocked;
  if (line.signature != static_cast<std::uint32_t>(entry_.chain)) return State::kMismatch;
  if (step.bytes == 0) return State::kDone;
  // Scratch counts as long as the longest chunk, on either side: the shorter of the two is real.
  const std::size_t bytes = std::min(step.bytes, line.bytes);
  std::byte* target = address(job_.flat.operands[step.operand]);
  if (bytes == 8) {
    std::memcpy(target, line.payload, 8);
  } else if (bytes == 4) {
    std::memcpy(target, line.payload, 4);
  } else {
    std::memcpy(target, line.payload, bytes);
  }
  return State::kDone;
}

void FlatRun::move(const FlatStep& step) {
  // Room for all operands is there: see flatten().
  const std::byte** sources = job_.workspace.sources.data();
  std::byte** targets = job_.workspace.targets.data();
  const FlatOperand* operand = job_.flat.operands.data() + step.operand;
  for (int s = 0; s < step.sources; ++s) sources[s] = address(*operand++);
  int count = 0;
  for (int t = 0; t < step.targets; ++t) {
    std::byte* target = address(*operand++);
    if (step.sources == 1 && target == sources[0]) continue;  // in place
    targets[count++] = target;
  }
  if (count == 0) return;
  job_.reducer.run({sources, step.sources, targets, count, step.count, 0});
}

void FlatRun::finish() {
  arena_.completed = block_;
  const bool only_sends = job_.is_message() && job_.staged.plan->rank == 0;
  if (!only_sends) {
    word_at(site_.windows[site_.rank], arena_.completed_at)
        .store(block_, std::memory_order_release);
  }
  if (!job_.is_message()) {
    site_.control().finished.store(entry_.sequence, std::memory_order_relaxed);
  }
}

std::byte* FlatRun::address(const FlatOperand& operand) const {
  if (operand.base == kFlatInput) return const_cast<std::byte*>(job_.input) + operand.offset;
  if (operand.base == kFlatOutput) return job_.output + operand.offset;
  if (operand.base == kFlatPrivate) return job_.workspace.scratch.data() + operand.offset;
  return site_.windows[operand.base] + scratch_ + operand.offset;
}

}  // namespace tutti
