#include "executor/cuda/engine.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "executor/cuda/engine_roll_call.h"
#include "executor/cuda/flat_plan.h"
#include "executor/cuda/local_pass.h"
#include "executor/cuda/plan_kernels.h"
#include "executor/extents.h"

namespace tutti::cuda {
namespace {

// Of Progress::wait: the lower bits hold the peer and 1.
constexpr int kPeerBits = 5;
static_assert(kMostRanks < (1 << kPeerBits));

std::uint32_t load(const std::uint32_t& word) {
  // Nothing is read on account of it: relaxed.
  return std::atomic_ref(const_cast<std::uint32_t&>(word)).load(std::memory_order_relaxed);
}

// A few blocks, which end soon: there are multiprocessors for other ranks' beside them.
int blocks_for(std::size_t bytes) {
  constexpr std::size_t kBytesOfBlock = std::size_t{64} << 10;
  return static_cast<int>(std::clamp<std::size_t>(bytes / kBytesOfBlock, 1, 16));
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(Device& device, const Boards& boards) {
  if (!device.facts().waits_on_memory) {
    return {Code::kNotSupported, "streams of " + device.facts().name +
                                     " cannot wait for numbers in memory, and kernels of the "
                                     "processes that share it take turns"};
  }
  Result<PinnedMemory<Progress>> progress = PinnedMemory<Progress>::make(device);
  if (!progress.ok()) return progress.status();
  Result<Stream> stream = device.make_stream();
  if (!stream.ok()) return stream.status();
  return std::unique_ptr<Engine>(new Engine(device, boards, std::move(*progress), *stream));
}

Engine::Engine(Device& device, const Boards& boards, PinnedMemory<Progress> progress, Stream stream)
    : device_(device),
      team_(boards.team()),
      one_process_(boards.one_process()),
      progress_(std::move(progress)),
      own_stream_(stream) {}

Engine::~Engine() { device_.end_stream(own_stream_); }

Status Engine::run(const EngineCall& call, const Team& caller, Stream stream) {
  rounds_.store(rounds_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  lines_.store(std::max(lines_.load(std::memory_order_relaxed), call.plan->lines),
               std::memory_order_relaxed);
  Progress& progress = *progress_.on_device();
  if (Status s = device_.set(stream, &progress.call, caller.call); !s.ok()) return s;
  if (Status s = meet(caller, stream); !s.ok()) return s;
  for (const Instruction& instruction : call.plan->instructions) {
    const auto line = [&](int rank) { return &board_of(rank).lines[0][instruction.line]; };
    Status status;
    switch (instruction.action) {
      case Action::kMove:
        status = move(call, instruction, stream);
        break;
      case Action::kSignal:
        status = give(line(instruction.peer), stream);
        break;
      case Action::kWait:
        status = take(line(team_.rank), instruction.peer, stream);
        break;
    }
    if (!status.ok()) return status;
  }
  if (Status s = bring_out(call, stream); !s.ok()) return s;
  return device_.set(stream, &progress.wait, 0);
}

// Tells all that this rank's buffers and lines are free, and waits until all of theirs are.
Status Engine::meet(const Team& caller, Stream stream) {
  if (team_.ranks == 1) return {};
  // What give() copies from, where it copies.
  std::uint32_t* own = &own_board().counters[0].engine;
  const std::uint32_t round = rounds_.load(std::memory_order_relaxed);
  if (Status s = device_.set(stream, own, round); !s.ok()) return s;
  if (Status s = announce(caller.word, stream); !s.ok()) return s;
  for (int peer = 0; peer < team_.ranks; ++peer) {
    if (peer == team_.rank) continue;
    if (Status s = give(&board_of(peer).meetings[0][team_.rank], stream); !s.ok()) return s;
  }
  for (int peer = 0; peer < team_.ranks; ++peer) {
    if (peer == team_.rank) continue;
    if (Status s = take(&own_board().meetings[0][peer], peer, stream); !s.ok()) return s;
  }
  return compare(caller, stream);
}

// Before the meeting, so that who has met this rank has it.
Status Engine::announce(std::uint64_t word, Stream stream) {
  const std::uint32_t round = rounds_.load(std::memory_order_relaxed);
  const Packet packet = make_packet(word, round);
  Packet* const own = announcement(own_board(), round, team_.rank);
  auto* const halves = reinterpret_cast<std::uint32_t*>(own);  // the lower first, as GPUs have them
  for (int half = 0; half < 4; ++half) {
    const auto value = static_cast<std::uint32_t>(packet.words[half / 2] >> (half % 2 * 32));
    if (Status s = device_.set(stream, &halves[half], value); !s.ok()) return s;
  }
  for (int peer = 0; peer < team_.ranks; ++peer) {
    if (peer == team_.rank) continue;
    Packet* const theirs = announcement(board_of(peer), round, team_.rank);
    if (Status s = device_.copy(stream, theirs, own, sizeof(Packet)); !s.ok()) return s;
  }
  return {};
}

Status Engine::compare(const Team& caller, Stream stream) {
  const EngineRollCall call{caller, rounds_.load(std::memory_order_relaxed)};
  return launch_comparison(device_, call, stream);
}

// A store by the stream needs memory of this process; of another's it is a copy, as NCCL does it.
Status Engine::give(std::uint32_t* flag_of_peer, Stream stream) {
  const std::uint32_t round = rounds_.load(std::memory_order_relaxed);
  if (one_process_) return device_.set(stream, flag_of_peer, round);
  return device_.copy(stream, flag_of_peer, &own_board().counters[0].engine, sizeof(std::uint32_t));
}

Status Engine::take(const std::uint32_t* flag, int peer, Stream stream) {
  const std::uint32_t mark = ++waits_ << kPeerBits | static_cast<std::uint32_t>(peer + 1);
  if (Status s = device_.set(stream, &progress_.on_device()->wait, mark); !s.ok()) return s;
  return device_.wait_until(stream, flag, rounds_.load(std::memory_order_relaxed));
}

Status Engine::move(const EngineCall& call, const Instruction& move, Stream stream) {
  std::size_t count = call.piece.count;
  for (const std::vector<Chunk>* chunks : {&move.sources, &move.targets}) {
    for (const Chunk& chunk : *chunks) count = std::min(count, length(call, chunk));
  }
  if (count == 0) return {};
  const bool scales = call.arithmetic.factor != 1.0 && move.sources[0].space == Space::kInput;
  if (move.sources.size() == 1 && !scales) return copy(call, move, count, stream);
  return pass(call, move, count, stream);
}

Status Engine::copy(const EngineCall& call, const Instruction& move, std::size_t count,
                    Stream stream) {
  const std::byte* source = address(call, move.sources[0]);
  for (const Chunk& chunk : move.targets) {
    const std::size_t bytes = count * size_of(call.type);
    if (Status s = device_.copy(stream, address(call, chunk), source, bytes); !s.ok()) return s;
  }
  return {};
}

Status Engine::pass(const EngineCall& call, const Instruction& move, std::size_t count,
                    Stream stream) {
  LocalPass pass;
  pass.source_count = static_cast<std::int32_t>(move.sources.size());
  pass.target_count = static_cast<std::int32_t>(move.targets.size());
  TUTTI_CHECK(pass.source_count <= kMostOperands && pass.target_count <= kMostOperands);
  for (int s = 0; s < pass.source_count; ++s) {
    pass.sources[s] = address(call, move.sources[s]);
    const bool is_input = move.sources[s].space == Space::kInput;
    if (is_input && call.arithmetic.factor != 1.0) pass.scaled |= 1u << s;
  }
  for (int t = 0; t < pass.target_count; ++t) pass.targets[t] = address(call, move.targets[t]);
  pass.count = count;
  pass.arithmetic = call.arithmetic;
  pass.arithmetic.divisor = 1;
  return launch_pass(device_, pass, call.type, blocks_for(count * size_of(call.type)), stream);
}

// Once it is complete: what was summed is divided on the way.
Status Engine::bring_out(const EngineCall& call, Stream stream) {
  const std::size_t whole = call.output.part, count = call.piece.count;
  const auto parts = static_cast<std::size_t>(call.output.parts);
  if (count == whole) return bring_out(call, 0, 0, parts * count, stream);
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t first = part * whole + call.piece.first;
    if (Status s = bring_out(call, first, part, count, stream); !s.ok()) return s;
  }
  return {};
}

// `count` elements from the beginning of a staged part, to those from `first` of the output.
Status Engine::bring_out(const EngineCall& call, std::size_t first, std::size_t part,
                         std::size_t count, Stream stream) {
  if (count == 0) return {};
  const std::size_t element = size_of(call.type);
  LocalPass pass;
  pass.source_count = pass.target_count = 1;
  pass.sources[0] =
      scratch_of(team_.rank) + call.staging.output + part * call.piece.count * element;
  pass.targets[0] = call.output.data + first * element;
  pass.count = count;
  pass.arithmetic.divisor = call.arithmetic.divisor;
  pass.unless = &own_board().gave_up;
  return launch_pass(device_, pass, call.type, blocks_for(count * element), stream);
}

std::size_t Engine::length(const EngineCall& call, const Chunk& chunk) const {
  const std::size_t piece = chunk_length(call.piece.count, call.plan->chunks, size_of(call.type));
  if (chunk.space == Space::kScratch) return piece;
  const Extents extents = Extents::uniform(call.piece.count, piece, call.plan->chunks);
  return extents.length(chunk.index, /*owner=*/0);
}

std::byte* Engine::address(const EngineCall& call, const Chunk& chunk) const {
  const int rank = chunk.rank == kSelf ? team_.rank : chunk.rank;
  std::byte* scratch = scratch_of(rank);
  const std::size_t element = size_of(call.type);
  const std::size_t piece = chunk_length(call.piece.count, call.plan->chunks, element);
  const Extents extents = Extents::uniform(call.piece.count, piece, call.plan->chunks);
  switch (chunk.space) {
    case Space::kInput:
      return scratch + call.staging.input + extents.offset(chunk.index) * element;
    case Space::kOutput:
      return scratch + call.staging.output + extents.offset(chunk.index) * element;
    case Space::kScratch:
      return scratch + call.staging.rest +
             static_cast<std::size_t>(chunk.index) * staged_chunk(piece * element);
  }
  return scratch;
}

std::optional<Engine::Wait> Engine::waiting() const {
  const std::uint32_t wait = load(progress_.host()->wait);
  if (wait == 0) return std::nullopt;
  const int peer = static_cast<int>(wait & ((1u << kPeerBits) - 1)) - 1;
  return Wait{load(progress_.host()->call), peer, wait >> kPeerBits};
}

void Engine::release() {
  // Far enough ahead for all that has been issued, and not so far as to be behind.
  const std::uint32_t ahead = rounds_.load(std::memory_order_relaxed) + (1u << 30);
  const auto open = [&](std::uint32_t* flag) { (void)device_.set(own_stream_, flag, ahead); };
  for (int peer = 0; peer < team_.ranks; ++peer) open(&own_board().meetings[0][peer]);
  for (int line = 0; line < lines_.load(std::memory_order_relaxed); ++line) {
    open(&own_board().lines[0][line]);
  }
}

}  // namespace tutti::cuda
