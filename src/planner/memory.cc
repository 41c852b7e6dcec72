// Memory of the rank that needs most. Tested by planner_memory_test.cc.

#include "planner/memory.h"

#include <algorithm>

#include "planner/pipeline_costs.h"

namespace tutti::planner {
namespace {

// Logits, their exponentials and their gradients: in two bytes and in four.
constexpr double kLogitBytes = 12;

// Sums of the optimizer, and the weights in four bytes where the numbers are shorter.
double optimizer_bytes(const Job& job) {
  const double sums = job.optimizer == Optimizer::kAdamW ? 8 : 0;
  return sums + (job.precision == Precision::kBf16 ? 4 : 0);
}

double logits(const Staged& all) {
  const CostContext& c = all.context;
  const long most = c.job.trainer.logit_tokens;
  const double tokens =
      most == 0 ? c.share.tokens : std::min(c.share.tokens, static_cast<double>(most));
  return kLogitBytes * tokens * static_cast<double>(c.model.vocabulary) / c.layout.tp;
}

// Messages: one that is read, one that comes, one that goes, forward and backward; gathered
// weights, and gradients on their way.
double messages(const Staged& all, int rank) {
  const CostContext& c = all.context;
  const Layout& layout = c.layout;
  const int ends = layout.pp == 1 ? 0 : (rank > 0) + (rank < layout.pp - 1);
  double bytes = 4 * ends * c.share.kept * static_cast<double>(c.model.width) * c.element;
  if (layout.zero >= 2) bytes += 3 * all.largest_layer * c.job.trainer.gradient_bytes;
  if (layout.zero >= 3) bytes += 2 * all.largest_layer * c.element;
  return bytes;
}

Memory memory_of_rank(const Staged& all, int rank) {
  const CostContext& c = all.context;
  const Layout& layout = c.layout;
  const double shards = layout.dp * layout.cp;
  Memory memory;
  double kept = 0;
  for (int chunk = 0; chunk < layout.chunks; ++chunk) {
    const StageCosts& stage = all.stages[chunk * layout.pp + rank];
    memory.parameters += stage.parameters;
    kept += stage.kept;
  }
  memory.gradients =
      memory.parameters * c.job.trainer.gradient_bytes / (layout.zero >= 2 ? shards : 1);
  memory.optimizer = memory.parameters * optimizer_bytes(c.job) / (layout.zero >= 1 ? shards : 1);
  memory.parameters *= c.element / (layout.zero >= 3 ? shards : 1);
  const int in_flight = most_in_flight(layout, all.micro_batches, rank);
  memory.activations = kept * c.element * in_flight / layout.chunks;
  memory.buffers = messages(all, rank) + (all.workspace + all.again) * c.element;
  if (rank == layout.pp - 1) memory.buffers += logits(all);
  memory.headroom = memory.total() * c.machine.headroom;
  return memory;
}

}  // namespace

Memory memory_of(const Staged& all) {
  Memory most;
  for (int rank = 0; rank < all.context.layout.pp; ++rank) {
    const Memory memory = memory_of_rank(all, rank);
    if (memory.total() > most.total()) most = memory;
  }
  return most;
}

}  // namespace tutti::planner
