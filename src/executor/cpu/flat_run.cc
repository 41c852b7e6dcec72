// Runs flat programs: the whole way of a small call, in one file so that it compiles to one piece.
//
// Tested by executor_test.cc.

#include <algorithm>

#include "executor/cpu/executor.h"
#include "executor/cpu/flat.h"
#include "executor/cpu/lines.h"
#include "executor/cpu/patience.h"

namespace tutti {
namespace {

// One run of a flat program.
class FlatRun {
 public:
  // REQUIRES: !job.flat.empty(); `entry` is the job's.
  FlatRun(const Site& site, Arena& arena, Job& job, Entry& entry);

  enum class State : std::uint8_t { kBlocked, kDone, kMismatch };
  // Goes on until a wait is not ready. kBlocked and kMismatch name the rank in entry.suspect.
  State advance();

 private:
  bool admit();
  void give(const FlatStep& step);
  State take(const FlatStep& step);
  void move(const FlatStep& step);
  void finish();
  std::byte* address(const FlatOperand& operand) const;

  const Site& site_;
  Arena& arena_;
  Job& job_;
  Entry& entry_;
  std::uint64_t block_;
  std::uint64_t after_;
  std::size_t lines_;  // offsets in every window
  std::size_t scratch_;
  std::uint32_t at_ = 0;
  bool admitted_ = false;
};

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
  Line* line = &line_at(site_.windows[step.peer], lines_ + step.line);
  std::span<const std::byte> payload;
  if (step.bytes != 0) payload = {address(job_.flat.operands[step.operand]), step.bytes};
  give_lines(line, step.width, payload, static_cast<std::uint32_t>(entry_.chain), block_);
}

FlatRun::State FlatRun::take(const FlatStep& step) {
  const Line* line = &line_at(site_.windows[site_.rank], lines_ + step.line);
  if (!have_come(line, step.width, block_)) return State::kBlocked;
  if (line->signature != static_cast<std::uint32_t>(entry_.chain)) return State::kMismatch;
  if (step.bytes == 0) return State::kDone;
  // Scratch counts as long as the longest chunk, on either side: the shorter of the two is real.
  copy_payload(line, step.width, address(job_.flat.operands[step.operand]), step.bytes);
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
  if (step.sources == 1 && count == 1 && step.bytes <= kInlineBytes) {
    return copy_few(targets[0], sources[0], step.bytes);
  }
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

}  // namespace

Status CpuExecutor::run(Arena& arena, Job& job) {
  if (peers_gave_up()) [[unlikely]]
    return adopt_failure();
  Entry entry = enter(site_, arena, job);
  FlatRun flat(site_, arena, job, entry);
  FlatRun::State state = flat.advance();
  if (state == FlatRun::State::kDone) return {};
  Patience patience(settings_.spins);
  waiting_since_ = {};
  while (state == FlatRun::State::kBlocked) {
    if (patience.pause()) {
      if (Status status = look_around(entry); !status.ok()) return give_up(std::move(status));
    }
    if (peers_gave_up()) return adopt_failure();
    state = flat.advance();
  }
  if (state == FlatRun::State::kMismatch) return give_up(explain_mismatch(entry));
  return {};
}

}  // namespace tutti
