// A call of one block, with every address and length worked out beforehand.
//
// Small calls spend their time between the steps, not in them. Here the steps of a plan are a flat
// array that one loop walks through: the same moves, signals and waits that a Task makes, in the
// same order. Only where all windows are mapped.
//
// Tested by executor_test.cc.

#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.h"

namespace tutti {

struct Site;
struct Job;

struct FlatOperand {
  // Where the offset counts from: the input, the output, scratch memory that no peer needs, or the
  // scratch memory of a rank.
  std::int32_t base = 0;
  std::uint32_t offset = 0;
};
inline constexpr std::int32_t kFlatInput = -1;
inline constexpr std::int32_t kFlatOutput = -2;
inline constexpr std::int32_t kFlatPrivate = -3;

struct FlatStep {
  Action action = Action::kMove;
  std::uint16_t sources = 0;
  std::uint16_t targets = 0;
  std::uint32_t operand = 0;  // the first source in FlatProgram::operands; targets follow
  std::uint32_t line = 0;     // kSignal, kWait: bytes from the block's first line
  std::int32_t width = 1;     // kSignal, kWait: lines
  std::int32_t peer = 0;      // kSignal, kWait: rank of the communicator
  std::uint32_t bytes = 0;    // of every operand
  std::uint32_t count = 0;    // kMove: elements
};

struct FlatProgram {
  std::vector<FlatStep> steps;
  std::vector<FlatOperand> operands;
  std::uint32_t line_bytes = 0;
  std::uint32_t scratch_bytes = 0;
  std::uint32_t private_bytes = 0;

  bool empty() const { return steps.empty(); }
};

/// Gives the job a flat program of its staged variant, if that qualifies.
void flatten(Job& job, const Site& site);

}  // namespace tutti
