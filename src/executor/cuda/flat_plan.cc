#include "executor/cuda/flat_plan.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "executor/cuda/buffers.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {
namespace {

std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

Status too_many(const Plan& plan, const char* what, std::size_t count, std::size_t most) {
  return {Code::kNotSupported, std::string(name(plan.collective)) + ": the plan has " +
                                   std::to_string(count) + " " + what + ": expected at most " +
                                   std::to_string(most) + " on a device"};
}

Status check_size(const Plan& plan) {
  if (plan.ranks > kMostRanks) return too_many(plan, "ranks", plan.ranks, kMostRanks);
  if (plan.lines > kMostSignals) return too_many(plan, "signals", plan.lines, kMostSignals);
  for (const Instruction& instruction : plan.instructions) {
    const std::size_t operands = std::max(instruction.sources.size(), instruction.targets.size());
    if (operands > kMostOperands) return too_many(plan, "operands", operands, kMostOperands);
  }
  const std::size_t chunks = static_cast<std::size_t>(std::max(plan.chunks, plan.scratch_chunks));
  if (chunks > UINT16_MAX) return too_many(plan, "chunks", chunks, UINT16_MAX);
  return {};
}

FlatOperand flat(const Plan& plan, const Chunk& chunk) {
  FlatOperand operand;
  operand.space = static_cast<std::uint8_t>(chunk.space);
  operand.rank = static_cast<std::uint8_t>(chunk.rank == kSelf ? plan.rank : chunk.rank);
  const bool is_scratch = chunk.space == Space::kScratch;
  operand.part = static_cast<std::uint16_t>(is_scratch ? 0 : chunk.index / plan.chunks);
  operand.chunk = static_cast<std::uint16_t>(is_scratch ? chunk.index : chunk.index % plan.chunks);
  return operand;
}

}  // namespace

std::size_t chunk_length(std::size_t count, int chunks, std::size_t element) {
  const std::size_t parts = static_cast<std::size_t>(chunks);
  const std::size_t least = (count + parts - 1) / parts;
  if (chunks == 1 || least * element < kChunkAlignment) return least;
  return round_up(least, kChunkAlignment / element);
}

Result<Slicing> slice(const Plan& plan, std::size_t count, std::size_t element,
                      const SliceRoom& room) {
  const std::size_t blocks = static_cast<std::size_t>(room.blocks);
  Slicing slicing;
  slicing.element = static_cast<std::uint32_t>(element);
  slicing.part = count;
  slicing.chunk = chunk_length(count, plan.chunks, element);
  const std::size_t even = kChunkAlignment / element;
  std::size_t length = round_up((slicing.chunk + blocks - 1) / blocks, even);
  if (plan.scratch_chunks != 0) {
    const std::size_t chunks = blocks * static_cast<std::size_t>(plan.scratch_chunks);
    const std::size_t most = room.scratch_bytes / chunks / kChunkAlignment * even;
    if (most == 0) {
      return {Code::kNotSupported, std::string(name(plan.collective)) + ": " +
                                       std::to_string(chunks) + " scratch chunks do not fit " +
                                       std::to_string(room.scratch_bytes) + " bytes"};
    }
    length = std::min(length, most);
  }
  slicing.slice = std::max(length, even);
  slicing.stride = round_up(slicing.slice * element, kChunkAlignment);
  const std::size_t round = slicing.slice * blocks;
  slicing.rounds =
      static_cast<std::uint32_t>(std::max<std::size_t>(1, (slicing.chunk + round - 1) / round));
  return slicing;
}

FlatPlan flat_plan(const Plan& plan) {
  FlatPlan flat;
  flat.step_count = static_cast<std::int32_t>(plan.instructions.size());
  flat.chunks = plan.chunks;
  const Parts parts = parts_of(plan.collective, plan.ranks, plan.rank == plan.root);
  flat.output_chunks = parts.output * plan.chunks;
  flat.scratch_chunks = plan.scratch_chunks;
  return flat;
}

Result<FlatProgram> flatten(const Plan& plan) {
  TUTTI_CHECK(!plan.inline_payload);
  if (Status status = check_size(plan); !status.ok()) return status;
  FlatProgram program;
  for (const Instruction& instruction : plan.instructions) {
    FlatStep step;
    step.action = static_cast<std::uint8_t>(instruction.action);
    step.peer = static_cast<std::uint8_t>(instruction.peer == kSelf ? plan.rank : instruction.peer);
    step.line = static_cast<std::uint16_t>(std::max(instruction.line, 0));
    step.operand = static_cast<std::uint32_t>(program.operands.size());
    step.sources = static_cast<std::uint16_t>(instruction.sources.size());
    step.targets = static_cast<std::uint16_t>(instruction.targets.size());
    for (const Chunk& chunk : instruction.sources) program.operands.push_back(flat(plan, chunk));
    for (const Chunk& chunk : instruction.targets) program.operands.push_back(flat(plan, chunk));
    program.steps.push_back(step);
  }
  return program;
}

}  // namespace tutti::cuda
