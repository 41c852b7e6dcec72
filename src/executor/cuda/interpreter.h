// Runs any plan in a kernel: the steps of this rank, on this rank's board and in peers' buffers.
//
// Each block runs the whole plan on a slice of every chunk, with signals of its own, so that blocks
// never wait for each other. What scratch is too small for goes in rounds. All ranks' blocks of an
// index meet before the first round, where they learn each other's buffers, and after each: then
// signals and scratch may be used again, by a later round or by another plan.
//
// A signal is a line of the peer's board that gets the number of the round. Since nobody begins a
// round before all have ended the one before it, a line never holds a later number than the one
// that is waited for.
//
// Tested by cuda_interpreter_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/flags.h"
#include "executor/cuda/flat_plan.h"
#include "executor/cuda/meeting.h"
#include "executor/cuda/pass.h"
#include "executor/cuda/waiting.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {

/// The kernel's parameter.
struct InterpretedCall {
  Team team;
  FlatPlan plan;
  Slicing slicing;
  const std::byte* input = nullptr;  // this rank's buffers, as it sees them
  std::byte* output = nullptr;
  Places places;              // where its peers find them
  std::uint64_t scratch = 0;  // bytes from the start of every board to what the plan may use
  Arithmetic arithmetic;      // of a step: divides nothing
  std::int64_t divisor = 1;   // of complete outputs
};

/// Of a block: what its threads work out together.
struct InterpreterDesk {
  std::byte* inputs[kMostRanks];
  std::byte* outputs[kMostRanks];
  std::byte* operands[2 * kMostOperands];
  std::uint64_t lengths[2 * kMostOperands];
};

template <DataType kType>
class Interpreter {
 public:
  TUTTI_DEVICE Interpreter(const Block& block, const InterpretedCall& call, InterpreterDesk& desk)
      : block_(block),
        call_(call),
        team_(call.team),
        slicing_(call.slicing),
        desk_(desk),
        number_(own_board().counters[block.index()].rounds) {}

  TUTTI_DEVICE void run() {
    Meetings meetings(block_, team_);
    if (!meetings.meet(call_.places)) return;
    find_buffers(meetings);
    for (std::uint32_t round = 0; round < slicing_.rounds; ++round) {
      const std::uint64_t blocks = static_cast<std::uint64_t>(block_.count());
      begin_ = (round * blocks + static_cast<std::uint64_t>(block_.index())) * slicing_.slice;
      ++number_;
      if (!run_steps()) return;
      if (call_.divisor != 1) divide_outputs();
      if (!meetings.meet()) return;
    }
    if (block_.thread() == 0) own_board().counters[block_.index()].rounds = number_;
  }

 private:
  TUTTI_DEVICE Board& own_board() const { return *team_.boards[team_.rank]; }

  TUTTI_DEVICE void find_buffers(const Meetings& meetings) {
    block_.each(static_cast<std::size_t>(team_.ranks), [&](std::size_t rank) {
      const int peer = static_cast<int>(rank);
      const bool is_own = peer == team_.rank;
      // Sources and targets are one array of addresses; nothing writes to an input.
      const std::byte* input = is_own ? call_.input : meetings.input_of(peer);
      desk_.inputs[rank] = const_cast<std::byte*>(input);
      desk_.outputs[rank] = is_own ? call_.output : meetings.output_of(peer);
    });
    block_.meet();
  }

  // Signals that follow each other are given by a thread each, and taken likewise.
  TUTTI_DEVICE bool run_steps() {
    const FlatPlan& plan = call_.plan;
    for (std::int32_t at = 0; at < plan.step_count;) {
      const FlatStep* steps = plan.steps + at;
      const Action action = static_cast<Action>(steps->action);
      std::int32_t run = 1;
      while (at + run < plan.step_count && steps[run].action == steps->action) ++run;
      if (action == Action::kMove) {
        for (std::int32_t i = 0; i < run; ++i) move(steps[i]);
      } else if (action == Action::kSignal) {
        block_.each(static_cast<std::size_t>(run), [&](std::size_t i) { give(steps[i]); });
      } else if (!take_all(steps, run)) {
        return false;
      }
      at += run;
    }
    return true;
  }

  // The release pairs with the acquire of the peer's is_taken(), and stands for the whole block,
  // which has met at the end of the last move.
  TUTTI_DEVICE void give(const FlatStep& step) const {
    store_release(&team_.boards[step.peer]->lines[block_.index()][step.line], number_);
  }

  TUTTI_DEVICE bool take_all(const FlatStep* steps, std::int32_t count) const {
    const auto threads = static_cast<std::int32_t>(block_.threads());
    for (std::int32_t done = 0; done < count; done += threads) {
      const std::int32_t some = count - done < threads ? count - done : threads;
      const bool taken = block_.all(some, [&](int i) { return take(steps[done + i]); });
      if (!taken) return false;
    }
    return true;
  }

  TUTTI_DEVICE bool take(const FlatStep& step) const {
    const std::uint32_t* line = &own_board().lines[block_.index()][step.line];
    return wait_for(block_, team_, number_, [&] {
      return has_reached(load_acquire(line), number_) ? kNobody : static_cast<int>(step.peer);
    });
  }

  TUTTI_DEVICE void move(const FlatStep& step) {
    const FlatOperand* operands = call_.plan.operands + step.operand;
    const std::size_t count = static_cast<std::size_t>(step.sources) + step.targets;
    block_.each(count, [&](std::size_t i) {
      desk_.operands[i] = address_of(operands[i]);
      desk_.lengths[i] = length_of(operands[i]);
    });
    block_.meet();
    Pass pass;
    pass.sources = desk_.operands;
    pass.source_count = step.sources;
    pass.targets = desk_.operands + step.sources;
    pass.target_count = step.targets;
    pass.scaled = scaled_of(operands, step.sources);
    pass.count = desk_.lengths[0];
    for (std::size_t i = 1; i < count; ++i) {
      if (desk_.lengths[i] < pass.count) pass.count = desk_.lengths[i];
    }
    make_pass<kType>(block_, call_.arithmetic, pass);
    block_.meet();
  }

  TUTTI_DEVICE std::uint64_t length_of(const FlatOperand& operand) const {
    if (static_cast<Space>(operand.space) == Space::kScratch) return slicing_.slice;
    return slicing_.slice_length(operand.chunk, begin_);
  }

  TUTTI_DEVICE std::byte* address_of(const FlatOperand& operand) const {
    const Space space = static_cast<Space>(operand.space);
    if (space == Space::kScratch) {
      const std::uint64_t before = static_cast<std::uint64_t>(block_.index()) *
                                   static_cast<std::uint64_t>(call_.plan.scratch_chunks);
      return reinterpret_cast<std::byte*>(team_.boards[operand.rank]) + call_.scratch +
             (before + operand.chunk) * slicing_.stride;
    }
    std::byte* const* buffers = space == Space::kInput ? desk_.inputs : desk_.outputs;
    return buffers[operand.rank] + slicing_.offset(operand.part, operand.chunk, begin_);
  }

  // Which sources are inputs, whoever's: they are scaled where they are read.
  TUTTI_DEVICE std::uint32_t scaled_of(const FlatOperand* sources, int count) const {
    std::uint32_t scaled = 0;
    if (call_.arithmetic.factor == 1.0) return scaled;
    for (int i = 0; i < count; ++i) {
      const bool is_input = static_cast<Space>(sources[i].space) == Space::kInput;
      scaled |= static_cast<std::uint32_t>(is_input) << i;
    }
    return scaled;
  }

  // This rank's slices of its own output, once they are complete.
  TUTTI_DEVICE void divide_outputs() {
    Arithmetic how;
    how.divisor = call_.divisor;
    const auto chunks = static_cast<std::uint64_t>(call_.plan.chunks);
    for (std::int32_t i = 0; i < call_.plan.output_chunks; ++i) {
      const std::uint64_t part = static_cast<std::uint64_t>(i) / chunks;
      const std::uint64_t chunk = static_cast<std::uint64_t>(i) % chunks;
      block_.each(1, [&](std::size_t) {
        desk_.operands[0] = desk_.outputs[team_.rank] + slicing_.offset(part, chunk, begin_);
      });
      block_.meet();
      Pass pass;
      pass.sources = pass.targets = desk_.operands;
      pass.source_count = pass.target_count = 1;
      pass.count = slicing_.slice_length(chunk, begin_);
      make_pass<kType>(block_, how, pass);
      block_.meet();
    }
  }

  const Block& block_;
  const InterpretedCall& call_;
  const Team& team_;
  const Slicing& slicing_;
  InterpreterDesk& desk_;
  std::uint32_t number_;     // of the round
  std::uint64_t begin_ = 0;  // of this block's slices, in every chunk
};

template <DataType kType>
TUTTI_DEVICE void interpret(const Block& block, const InterpretedCall& call) {
  TUTTI_SHARED(InterpreterDesk, desk);
  Interpreter<kType>(block, call, desk).run();
}

}  // namespace tutti::cuda
