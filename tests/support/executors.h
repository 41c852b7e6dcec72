// Ranks with a CpuExecutor each, on little memory, so that every call waits for credits.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "executor/cpu/executor.h"
#include "executor/cpu/lines.h"
#include "schedule/stage.h"
#include "trial.h"

namespace tutti::test {

/// A layout with rings that hold few blocks. REQUIRES: room for two blocks of any call.
inline WindowLayout small_layout(int ranks, std::size_t scratch_bytes, std::size_t lines) {
  WindowLayout layout(ranks, scratch_bytes, /*heap_bytes=*/std::size_t{1} << 20);
  layout.scratch_bytes = scratch_bytes;
  layout.line_bytes = lines * kLineBytes;
  return layout;
}

enum class Flavor {
  kInline,  // payloads travel in the signals
  kStaged,  // buffers of peers cannot be reached
  kMapped,  // they can: buffers lie in the windows
};

/// How a trial is run.
struct Way {
  Flavor flavor = Flavor::kStaged;
  std::size_t tile = 1024;  // elements, at most
  int lanes = 1;
  bool flat = false;    // from a flat program where the call qualifies
  int outside = kSelf;  // kMapped: this rank's buffers lie elsewhere all the same
};

/// One rank: turns trials into jobs, runs them, compares memory.
class RankRunner {
 public:
  RankRunner(std::unique_ptr<Transport> transport, const WindowLayout& layout,
             const ExecutorSettings& settings)
      : executor_(std::move(transport), layout, settings) {}

  CpuExecutor& executor() { return executor_; }
  int rank() const { return executor_.site().rank; }

  /// "", or what went wrong.
  std::string run(const Trial& trial, const Way& way) {
    Job& job = prepare(trial, way);
    const Status status = run(job);
    if (!status.ok()) return status.to_string();
    return difference(trial, memory_of(trial, way));
  }

  /// Fills memory and makes the job, which is good until the next call of prepare() or run().
  Job& prepare(const Trial& trial, const Way& way) {
    const Trial::Memory& m = trial.memory(rank());
    std::byte* memory = memory_of(trial, way);
    std::memcpy(memory, m.before.data(), m.before.size());
    Job& job = job_of(trial, way);
    const bool in = trial.has(Space::kInput, rank()), out = trial.has(Space::kOutput, rank());
    job.input = in ? memory + m.input_at : nullptr;
    job.output = out ? memory + m.output_at : nullptr;
    if (job.mapped.plan != nullptr) {
      const Site& site = executor_.site();
      job.input_at = in ? site.locate(job.input, m.input_bytes) : 1;
      job.output_at = out ? site.locate(job.output, m.output_bytes) : 1;
    }
    return job;
  }

  Status run(Job& job) {
    if (!job.flat.empty()) return executor_.run(executor_.collectives(), job);
    Task task(executor_.site(), executor_.collectives(), job);
    return executor_.run(task);
  }

  /// Compares memory after a call that was prepared by prepare().
  std::string difference(const Trial& trial, const Way& way) {
    return difference(trial, memory_of(trial, way));
  }

 private:
  std::byte* memory_of(const Trial& trial, const Way& way) {
    if (way.flavor == Flavor::kMapped && way.outside != rank()) {
      return executor_.transport().window().data() + executor_.site().layout.heap;
    }
    memory_.resize(std::max(memory_.size(), trial.memory(rank()).before.size()));
    return memory_.data();
  }

  Job& job_of(const Trial& trial, const Way& way) {
    const auto key = std::make_tuple(&trial, way.flavor, way.tile, way.lanes, way.flat);
    auto [at, is_new] = jobs_.try_emplace(key);
    if (is_new) fill(at->second, trial, way);
    return at->second;
  }

  void fill(Job& job, const Trial& trial, const Way& way) {
    const TrialShape& shape = trial.shape();
    job.set_signature({pack({shape.algorithm->collective, shape.type, shape.op.reduction,
                             /*variable=*/false, shape.root}),
                       shape.count, /*detail=*/0});
    job.type = shape.type;
    job.reducer = trial.reducer();
    const bool mapped = way.flavor == Flavor::kMapped;
    job.staged = variant(trial, way, mapped ? Flavor::kStaged : way.flavor);
    if (mapped && !job.reducer.scales_inputs()) job.mapped = variant(trial, way, Flavor::kMapped);
    if (way.flat) flatten(job, executor_.site());
  }

  Variant variant(const Trial& trial, const Way& way, Flavor flavor) {
    const TrialShape& shape = trial.shape();
    Variant variant;
    variant.plan = plan_of(shape, flavor);
    variant.algorithm = shape.algorithm->name;
    variant.input_extents = variant.output_extents = trial.extents();
    const std::size_t piece = std::max<std::size_t>(trial.extents().piece(), 1);
    variant.tile = std::min({piece, way.tile, largest_tile(*variant.plan, trial.element())});
    if (variant.plan->inline_payload) {
      variant.width = lines_for(variant.tile * trial.element());
    }
    variant.blocks = (piece + variant.tile - 1) / variant.tile;
    variant.lanes = static_cast<int>(std::min<std::size_t>(way.lanes, variant.blocks));
    return variant;
  }

  // All trials of a runner are of one group.
  std::shared_ptr<const Plan> plan_of(const TrialShape& shape, Flavor flavor) {
    std::shared_ptr<const Plan>& plan = plans_[{shape.algorithm, shape.root, flavor}];
    if (plan != nullptr) return plan;
    const Site& site = executor_.site();
    Schedule schedule = shape.algorithm->make(shape.group, shape.root);
    if (flavor == Flavor::kStaged) schedule = stage(schedule);
    const auto is_mapped = [&site](int peer) { return site.windows[peer] != nullptr; };
    plan = std::make_shared<Plan>(lower(schedule, site.rank, flavor == Flavor::kInline, is_mapped));
    return plan;
  }

  std::size_t largest_tile(const Plan& plan, std::size_t element) const {
    const std::size_t payload =
        plan.inline_payload ? most_lines(plan) * kInlineBytes / element : ~std::size_t{0};
    if (plan.scratch_chunks == 0) return payload;
    // A ring gives no block more than half of what it has.
    const std::size_t chunk = executor_.site().layout.scratch_bytes / 2 / plan.scratch_chunks;
    const std::size_t tile = chunk / kScratchAlignment * kScratchAlignment / element;
    EXPECT_GT(tile, 0u) << plan.scratch_chunks << " scratch chunks do not fit";
    return std::min(tile, payload);
  }

  // Of a payload, so that the ring of lines has room for two blocks.
  std::size_t most_lines(const Plan& plan) const {
    const std::size_t lines = executor_.site().layout.line_bytes / kLineBytes;
    const std::size_t waits = static_cast<std::size_t>(std::max(plan.lines, 1));
    EXPECT_LE(2 * waits, lines);
    return std::clamp<std::size_t>(lines / 2 / waits, 1, kMostLines);
  }

  std::string difference(const Trial& trial, const std::byte* memory) const {
    const Trial::Memory& m = trial.memory(rank());
    for (std::size_t i = 0; i < m.after.size(); ++i) {
      if (memory[i] == m.after[i]) continue;
      return "byte " + std::to_string(i) + " of rank " + std::to_string(rank()) + " is " +
             std::to_string(std::to_integer<int>(memory[i])) + ", expected " +
             std::to_string(std::to_integer<int>(m.after[i])) + " (input at " +
             std::to_string(m.input_at) + ", output at " + std::to_string(m.output_at) + ")";
    }
    return "";
  }

  CpuExecutor executor_;
  std::map<std::tuple<const Algorithm*, int, Flavor>, std::shared_ptr<const Plan>> plans_;
  std::vector<std::byte> memory_;
  std::map<std::tuple<const Trial*, Flavor, std::size_t, int, bool>, Job> jobs_;
};

}  // namespace tutti::test
