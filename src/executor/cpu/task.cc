#include "executor/cpu/task.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "executor/cpu/lines.h"

namespace tutti {

bool Task::step() {
  if (state_ == State::kNew) {
    entry_ = enter(site_, arena_, job_);
    element_ = job_.reducer.element();
    state_ = State::kMeeting;
    if (job_.mapped.plan == nullptr) start_running(job_.staged);
  }
  if (state_ == State::kMeeting && !meet()) return false;
  if (state_ == State::kRunning) return run_blocks();
  if (state_ == State::kFlushing && flushed()) state_ = State::kDone;
  return state_ == State::kDone;
}

// Waits until every rank has entered, and learns where its buffers are. True when running.
bool Task::meet() {
  if (next_to_meet_ == 0) {
    job_.workspace.peer_inputs.assign(site_.ranks, nullptr);
    job_.workspace.peer_outputs.assign(site_.ranks, nullptr);
  }
  bool all_mapped = true;
  for (; next_to_meet_ < site_.ranks; ++next_to_meet_) {
    const BufferRecord& meeting = site_.control_of(next_to_meet_)->meetings[entry_.meeting];
    entry_.suspect = next_to_meet_;
    if (meeting.sequence.load(std::memory_order_acquire) != entry_.sequence) return false;
    if (meeting.chain.load(std::memory_order_relaxed) != entry_.chain) {
      state_ = State::kMismatch;
      return false;
    }
    const std::uint64_t in = meeting.input.load(std::memory_order_relaxed);
    const std::uint64_t out = meeting.output.load(std::memory_order_relaxed);
    std::byte* window = site_.windows[next_to_meet_];
    job_.workspace.peer_inputs[next_to_meet_] = in == 0 ? nullptr : window + in - 1;
    job_.workspace.peer_outputs[next_to_meet_] = out == 0 ? nullptr : window + out - 1;
  }
  for (int r = 0; r < site_.ranks; ++r) {
    all_mapped &=
        job_.workspace.peer_inputs[r] != nullptr && job_.workspace.peer_outputs[r] != nullptr;
  }
  start_running(all_mapped ? job_.mapped : job_.staged);
  return true;
}

void Task::start_running(const Variant& variant) {
  variant_ = &variant;
  plan_ = variant.plan.get();
  tile_stride_ =
      (variant.tile * element_ + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
  for (int receiver : plan_->receivers) {
    if (is_far(global(receiver))) far_receivers_.push_back(global(receiver));
  }
  lends_scratch_ = !far_receivers_.empty() && puts_scratch();
  state_ = State::kRunning;
  entry_.suspect = kSelf;
}

// Whether puts that are read late read scratch memory, which later blocks write again.
bool Task::puts_scratch() const {
  return std::any_of(plan_->instructions.begin(), plan_->instructions.end(), [this](auto& i) {
    return i.action == Action::kMove && i.sources[0].space == Space::kScratch &&
           is_far(global(i.targets[0].rank));
  });
}

bool Task::run_blocks() {
  bool moved = false;
  while (opened_ < variant_->blocks &&
         opened_ - retired_ < static_cast<std::size_t>(variant_->lanes))
    open_block();
  for (std::size_t b = retired_; b < opened_ && state_ == State::kRunning; ++b) {
    Cursor& cursor = cursors_[b % variant_->lanes];
    if (!cursor.finished) moved |= advance(cursor);
  }
  if (state_ != State::kRunning) return false;
  retire_blocks();
  return moved;
}

void Task::open_block() {
  Cursor& cursor = cursors_[opened_ % variant_->lanes];
  cursor.at = 0;
  cursor.copies = 0;
  cursor.admitted = cursor.finished = false;
  cursor.block = arena_.next_block++;
  cursor.first = opened_++ * variant_->tile;
  const auto lines = arena_.lines.take(cursor.block, plan_->lines * variant_->width * kLineBytes);
  const auto scratch = arena_.scratch.take(cursor.block, plan_->scratch_chunks * tile_stride_);
  cursor.lines = arena_.lines_at + lines.offset;
  cursor.scratch = scratch.offset;
  cursor.after = std::max(lines.after, scratch.after);
  reach_ = cursor.block - cursor.after;
}

// True when the cursor moved.
bool Task::advance(Cursor& cursor) {
  if (!cursor.admitted && !admit(cursor)) return false;
  const std::size_t begin = cursor.at;
  const std::vector<Instruction>& instructions = plan_->instructions;
  for (; cursor.at < instructions.size(); ++cursor.at) {
    const Instruction& instruction = instructions[cursor.at];
    if (cursor.copies != 0 && !is_local(instruction) && !copied(cursor)) return cursor.at != begin;
    switch (instruction.action) {
      case Action::kMove:
        move(instruction, cursor);
        break;
      case Action::kSignal:
        give(instruction, cursor);
        break;
      case Action::kWait:
        if (!take_signal(instruction, cursor)) return cursor.at != begin;
        break;
    }
    if (state_ != State::kRunning) return false;
  }
  if (!copied(cursor)) return cursor.at != begin;
  return finish_block(cursor) || cursor.at != begin;
}

bool Task::is_local(const Instruction& instruction) const {
  if (instruction.action != Action::kMove) return false;
  const int rank = instruction.targets[0].rank;
  return rank == kSelf || !is_far(global(rank));
}

// Whether the device has made the cursor's copies: those of one block may follow each other, all
// else waits for them.
bool Task::copied(Cursor& cursor) {
  if (cursor.copies == 0) return true;
  if (!site_.annex.copier->copied(cursor.copies)) return false;
  cursor.copies = 0;
  return true;
}

bool Task::admit(Cursor& cursor) {
  if (arena_.completed < cursor.after || !may_scale_inputs(cursor)) return false;
  grant(std::max(cursor.after, due()));
  for (int receiver : plan_->receivers) {
    if (!has_credit(receiver, cursor.after)) {
      entry_.suspect = global(receiver);
      return false;
    }
  }
  cursor.admitted = true;
  if (job_.reducer.scales_inputs()) scale_inputs(cursor);
  return state_ == State::kRunning;
}

// What peers should know of by now: credits go ahead of need, since they take their time, but not
// with every block where memory lasts.
std::uint64_t Task::due() const {
  const std::uint64_t ungranted = std::max<std::uint64_t>(reach_ / 4, 1);
  return arena_.completed + 1 - std::min(arena_.completed + 1, ungranted);
}

// Tells peers that cannot see it which blocks' memory is free, unless they know of `least`.
void Task::grant(std::uint64_t least) {
  if (!site_.has_unmapped) return;
  for (int sender : plan_->senders) {
    const int peer = global(sender);
    if (!is_far(peer) || arena_.granted[sender] >= least) continue;
    arena_.granted[sender] = arena_.completed;
    Status status = site_.transport->signal(peer, arena_.credits_at + site_.rank * kLineBytes,
                                            {arena_.completed, 0, {}});
    if (!status.ok()) return fail(std::move(status));
  }
}

bool Task::has_credit(int receiver, std::uint64_t after) {
  std::uint64_t& seen = arena_.peer_completed[receiver];
  if (seen >= after) return true;
  const int peer = global(receiver);
  if (!is_far(peer)) {
    // Pairs with the release in retire_blocks() of the peer.
    seen = word_at(site_.windows[peer], arena_.completed_at).load(std::memory_order_acquire);
  } else {
    const std::size_t at = arena_.credits_at + peer * kLineBytes;
    seen = line_at(site_.windows[site_.rank], at).flag.load(std::memory_order_acquire);
  }
  return seen >= after;
}

// The block that is at the wait for this very signal; null if none is.
Task::Cursor* Task::waiting_for(const Signal& signal, std::size_t line_offset) {
  if (state_ != State::kRunning || opened_ == retired_) return nullptr;
  const std::uint64_t newest = cursors_[(opened_ - 1) % variant_->lanes].block;
  if (signal.flag > newest || newest - signal.flag >= opened_ - retired_) return nullptr;
  Cursor& cursor = cursors_[(opened_ - 1 - (newest - signal.flag)) % variant_->lanes];
  if (!cursor.admitted || cursor.finished || cursor.at >= plan_->instructions.size()) {
    return nullptr;
  }
  const Instruction& wait = plan_->instructions[cursor.at];
  const std::size_t line = cursor.lines + wait.line * variant_->width * kLineBytes;
  return wait.action == Action::kWait && line == line_offset ? &cursor : nullptr;
}

bool Task::take(std::size_t offset, std::span<const std::byte> data, std::size_t line_offset,
                const Signal& signal) {
  Cursor* const cursor = waiting_for(signal, line_offset);
  if (cursor == nullptr || signal.signature != static_cast<std::uint32_t>(entry_.chain)) {
    return false;
  }
  const Instruction& wait = plan_->instructions[cursor->at];
  if (wait.lands < 0 || offset != scratch_offset(wait.lands, *cursor)) return false;
  const Instruction& user = plan_->instructions[cursor->at + 1];
  if (data.size() != length(user, *cursor) * element_) return false;
  if (!job_.reducer.takes_any_address() || job_.in_annex) return false;
  landed_ = data.data();
  landed_chunk_ = wait.lands;
  move(user, *cursor);
  landed_chunk_ = -1;
  cursor->at += 2;
  return true;
}

bool Task::take_signal(const Instruction& instruction, Cursor& cursor) {
  const std::size_t at = cursor.lines + instruction.line * variant_->width * kLineBytes;
  const Line* line = &line_at(site_.windows[site_.rank], at);
  const int width = instruction.targets.empty() ? 1 : variant_->width;
  if (!have_come(line, width, cursor.block)) {
    entry_.suspect = global(instruction.peer);
    return false;
  }
  if (line->signature != static_cast<std::uint32_t>(entry_.chain)) {
    entry_.suspect = global(instruction.peer);
    state_ = State::kMismatch;
    return false;
  }
  if (!instruction.targets.empty()) {
    // Scratch counts as long as the longest chunk, on either side: the shorter of the two is real.
    const Chunk& target = instruction.targets[0];
    copy_payload(line, width, address(target, cursor), length(target, cursor) * element_);
  }
  return true;
}

void Task::give(const Instruction& instruction, const Cursor& cursor) {
  const int peer = global(instruction.peer);
  std::size_t at = cursor.lines + instruction.line * variant_->width * kLineBytes;
  std::span<const std::byte> payload;
  if (!instruction.sources.empty()) {
    const Chunk& source = instruction.sources[0];
    const std::size_t bytes = length(source, cursor) * element_;
    if (bytes != 0) payload = {address(source, cursor), bytes};
  }
  const int width = instruction.sources.empty() ? 1 : variant_->width;
  const std::uint32_t signature = static_cast<std::uint32_t>(entry_.chain);
  if (std::byte* window = site_.windows[peer]; window != nullptr) {
    return give_lines(&line_at(window, at), width, payload, signature, cursor.block);
  }
  for (int i = 0; i < width; ++i, at += kLineBytes) {
    const auto part = payload.first(std::min(payload.size(), kInlineBytes));
    payload = payload.subspan(part.size());
    Status status = site_.transport->signal(peer, at, {cursor.block, signature, part});
    if (!status.ok()) return fail(std::move(status));
  }
}

void Task::move(const Instruction& instruction, Cursor& cursor) {
  const std::size_t count = length(instruction, cursor);
  if (count == 0) return;
  if (!is_local(instruction)) return put_unmapped(instruction, cursor, count);
  if (job_.in_annex) return copy_in_annex(instruction, cursor, count);
  std::vector<const std::byte*>& sources = job_.workspace.sources;
  std::vector<std::byte*>& targets = job_.workspace.targets;
  sources.clear();
  targets.clear();
  for (const Chunk& source : instruction.sources) sources.push_back(address(source, cursor));
  std::uint32_t stream_mask = 0;
  for (std::size_t t = 0; t < instruction.targets.size(); ++t) {
    std::byte* target = address(instruction.targets[t], cursor);
    if (sources.size() == 1 && target == sources[0]) continue;  // in place
    if (variant_->stream && t < 32 && (instruction.stream_mask >> t & 1) != 0) {
      stream_mask |= 1u << targets.size();
    }
    targets.push_back(target);
  }
  if (targets.empty()) return;
  const Pass pass{sources.data(), static_cast<int>(sources.size()),
                  targets.data(), static_cast<int>(targets.size()),
                  count,          stream_mask};
  variant_ == &job_.mapped ? job_.reducer.run_at_once(pass) : job_.reducer.run(pass);
}

void Task::put_unmapped(const Instruction& instruction, const Cursor& cursor, std::size_t count) {
  const Chunk& target = instruction.targets[0];
  TUTTI_CHECK(instruction.targets.size() == 1 && target.space == Space::kScratch);
  const std::span<const std::byte> source(address(instruction.sources[0], cursor),
                                          count * element_);
  std::size_t offset = scratch_offset(target.index, cursor);
  if (job_.in_annex) offset += site_.transport->window().size() - site_.annex.first;
  Status status = site_.transport->put(global(target.rank), source, offset);
  if (!status.ok()) fail(std::move(status));
}

void Task::copy_in_annex(const Instruction& instruction, Cursor& cursor, std::size_t count) {
  TUTTI_CHECK(instruction.sources.size() == 1, "%zu sources", instruction.sources.size());
  const std::byte* source = address(instruction.sources[0], cursor);
  for (const Chunk& chunk : instruction.targets) {
    std::byte* const target = address(chunk, cursor);
    if (target == source) continue;
    const Result<std::uint64_t> copy = site_.annex.copier->copy(target, source, count * element_);
    if (!copy.ok()) return fail(copy.status());
    cursor.copies = *copy;
  }
}

// Elements of the chunk that the cursor's block moves.
std::size_t Task::length(const Chunk& chunk, const Cursor& cursor) const {
  if (chunk.space == Space::kScratch) {
    const std::size_t piece =
        std::max(variant_->input_extents.piece(), variant_->output_extents.piece());
    return std::min(variant_->tile, piece - std::min(piece, cursor.first));
  }
  const Extents& extents =
      chunk.space == Space::kInput ? variant_->input_extents : variant_->output_extents;
  const std::size_t whole = extents.length(chunk.index, global(chunk.rank));
  return std::min(variant_->tile, whole - std::min(whole, cursor.first));
}

// The shortest chunk of a buffer that takes part: scratch chunks are as long as the longest.
std::size_t Task::length(const Instruction& instruction, const Cursor& cursor) const {
  std::size_t shortest = variant_->tile;
  for (const Chunk& chunk : instruction.sources) {
    shortest = std::min(shortest, length(chunk, cursor));
  }
  for (const Chunk& chunk : instruction.targets) {
    shortest = std::min(shortest, length(chunk, cursor));
  }
  return shortest;
}

std::byte* Task::address(const Chunk& chunk, const Cursor& cursor) {
  const int owner = global(chunk.rank);
  if (chunk.space == Space::kScratch) {
    if (chunk.index == landed_chunk_ && owner == site_.rank) {
      return const_cast<std::byte*>(landed_);  // a source
    }
    if (job_.in_annex) return site_.annex.at(scratch_offset(chunk.index, cursor));
    return site_.windows[owner] + scratch_offset(chunk.index, cursor);
  }
  const bool is_input = chunk.space == Space::kInput;
  const Extents& extents = is_input ? variant_->input_extents : variant_->output_extents;
  const std::size_t at = (extents.offset(chunk.index) + cursor.first) * element_;
  if (owner == site_.rank) {
    if (is_input && !job_.workspace.scaled.empty()) {
      const std::size_t lane = &cursor - cursors_.data();
      const std::size_t inputs = job_.workspace.scaled.size() / variant_->lanes / tile_stride_;
      return job_.workspace.scaled.data() + (lane * inputs + chunk.index) * tile_stride_;
    }
    return (is_input ? const_cast<std::byte*>(job_.input) : job_.output) + at;
  }
  return (is_input ? const_cast<std::byte*>(job_.workspace.peer_inputs[owner])
                   : job_.workspace.peer_outputs[owner]) +
         at;
}

// The block that had this lane before may have put from the same memory.
bool Task::may_scale_inputs(const Cursor& cursor) {
  const bool reuses = cursor.first >= variant_->lanes * variant_->tile;
  return !job_.reducer.scales_inputs() || !reuses || flushed();
}

// The block's part of every input chunk, scaled, beside the caller's buffer (which is not ours to
// change).
void Task::scale_inputs(const Cursor& cursor) {
  const int parts = plan_->collective == Collective::kReduceScatter ? plan_->ranks : 1;
  const int inputs = parts * plan_->chunks;
  if (job_.workspace.scaled.empty())
    job_.workspace.scaled.resize(variant_->lanes * inputs * tile_stride_);
  const std::size_t lane = &cursor - cursors_.data();
  for (int i = 0; i < inputs; ++i) {
    const std::byte* source =
        job_.input + (variant_->input_extents.offset(i) + cursor.first) * element_;
    const std::size_t count = length(input(i), cursor);
    if (count == 0) continue;
    job_.reducer.scale_input(
        source, job_.workspace.scaled.data() + (lane * inputs + i) * tile_stride_, count);
  }
}

void Task::divide_outputs(const Cursor& cursor) {
  if (job_.output == nullptr) return;
  for (int i = 0; i < plan_->chunks; ++i) {
    const std::size_t count = length(output(i), cursor);
    if (count != 0) job_.reducer.divide_output(address(output(i), cursor), count);
  }
}

// False when it has to wait: peers want what is in the output before it is divided.
bool Task::finish_block(Cursor& cursor) {
  if (job_.reducer.divides_outputs()) {
    if (!flushed()) return false;
    divide_outputs(cursor);
  }
  cursor.finished = true;
  if (!lends_scratch_) return true;
  cursor.puts.clear();
  for (int peer : far_receivers_) cursor.puts.push_back(site_.transport->puts(peer));
  return true;
}

// Whoever may write this block's memory again may do so while a put is still reading it.
bool Task::may_retire(const Cursor& cursor) {
  if (!cursor.finished) return false;
  for (std::size_t i = 0; lends_scratch_ && i < far_receivers_.size(); ++i) {
    if (!has_flushed(far_receivers_[i], cursor.puts[i])) return false;
  }
  return true;
}

// Reports finished blocks, in order, to the peers whose memory the next ones will use.
void Task::retire_blocks() {
  const std::size_t before = retired_;
  while (retired_ < opened_ && may_retire(cursors_[retired_ % variant_->lanes])) {
    arena_.completed = cursors_[retired_ % variant_->lanes].block;
    ++retired_;
  }
  if (retired_ == before) return;
  const bool only_sends = job_.is_message() && plan_->rank == 0;
  if (!only_sends) {
    // Everything read from and written to this rank's memory came before; pairs with has_credit().
    word_at(site_.windows[site_.rank], arena_.completed_at)
        .store(arena_.completed, std::memory_order_release);
    // The last ones go with what the next call sends.
    if (retired_ < variant_->blocks) grant(due());
  }
  if (retired_ == variant_->blocks) finish();
}

void Task::finish() {
  if (!job_.is_message()) {
    site_.control().finished.store(entry_.sequence, std::memory_order_relaxed);
  }
  state_ = flushed() ? State::kDone : State::kFlushing;
}

// Whether the sources of all puts so far may change.
bool Task::flushed() {
  return std::all_of(far_receivers_.begin(), far_receivers_.end(),
                     [this](int peer) { return has_flushed(peer, site_.transport->puts(peer)); });
}

// Nobody else is waited for then: whoever was before may have left in the meantime.
bool Task::has_flushed(int peer, std::uint64_t puts) {
  if (site_.transport->flushed(peer, puts)) return true;
  entry_.suspect = peer;
  return false;
}

void Task::fail(Status status) {
  failure_ = std::move(status);
  state_ = State::kFailed;
}

}  // namespace tutti
