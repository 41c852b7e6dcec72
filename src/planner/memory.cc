// Memory of the rank that needs most. Tested by planner_memory_test.cc.

#include "planner/memory.h"

#include <algorithm>

#include "planner/pipeline_costs.h"
#include "planner/windows.h"

namespace tutti::planner {
namespace {

// PyTorch's logits, their exponentials and their gradients: in two bytes and in four.
constexpr double kLogitBytes = 12;

// Sums of the optimizer, and the weights in four bytes where the numbers are shorter.
double optimizer_bytes(const Job& job) {
  const double sums = job.optimizer == Optimizer::kAdamW ? 8 : 0;
  return sums + (job.precision == Precision::kBf16 ? 4 : 0);
}

// tutti-train makes gradients of logits where these were; beside them a few numbers of each token,
// and what the norm makes.
double head(const Staged& all) {
  const CostContext& c = all.context;
  const long most = c.job.trainer.logit_tokens;
  const double tokens =
      most == 0 ? c.share.tokens : std::min(c.share.tokens, static_cast<double>(most));
  const double words = static_cast<double>(c.model.vocabulary) / c.layout.tp;
  if (c.job.trainer.autograd) return kLogitBytes * tokens * words;
  const double normed = c.share.kept + c.share.tokens * static_cast<double>(c.model.width);
  return (tokens * (words + 3) + normed) * c.element;
}

// Room of a chunk: what its layers share, and the stream between them.
double room(const Staged& all) {
  const CostContext& c = all.context;
  const bool later = c.layout.pipeline == PipelineKind::kZeroBubble;
  double elements = all.room.always + (later ? 0 : all.room.at_once);
  if (!c.job.trainer.autograd) {
    const bool shares_tokens = c.layout.tp > 1 && c.layout.sequence_parallel;
    const double rows = c.share.tokens + c.share.kept * (c.share.precise + (shares_tokens ? 2 : 0));
    elements += rows * static_cast<double>(c.model.width);
  }
  return elements * c.element;
}

// Messages: one that is read, one that comes, one that goes, forward and backward; gathered
// weights, and gradients on their way.
double messages(const Staged& all, int rank) {
  const CostContext& c = all.context;
  const Layout& layout = c.layout;
  const bool closed = layout.chunks > 1;
  const int ends = layout.pp == 1 ? 0 : closed ? 2 : (rank > 0) + (rank < layout.pp - 1);
  double bytes = 4 * ends * c.hidden_bytes();
  if (layout.dp * layout.cp == 1) return bytes;
  if (layout.zero >= 2) bytes += 3 * all.largest_unit * c.job.trainer.gradient_bytes;
  if (layout.zero >= 3) bytes += 2 * all.largest_unit * c.element;
  return bytes;
}

// From forward to backward, of all micro-batches in flight.
double activations(const Staged& all, int rank) {
  const Layout& layout = all.context.layout;
  const bool later = layout.pipeline == PipelineKind::kZeroBubble;
  double elements = 0;
  for (int chunk = 0; chunk < layout.chunks; ++chunk) {
    const StageCosts& stage = all.stages[static_cast<std::size_t>(chunk * layout.pp + rank)];
    elements += (later ? stage.kept_longer : stage.kept) *
                most_in_flight(layout, all.micro_batches, rank, chunk);
  }
  return elements * all.context.element;
}

Memory memory_of_rank(const Staged& all, int rank) {
  const CostContext& c = all.context;
  const Layout& layout = c.layout;
  const double shards = layout.dp * layout.cp;
  Memory memory;
  for (int chunk = 0; chunk < layout.chunks; ++chunk) {
    const StageCosts& stage = all.stages[chunk * layout.pp + rank];
    memory.parameters += stage.parameters;
  }
  memory.gradients =
      memory.parameters * c.job.trainer.gradient_bytes / (layout.zero >= 2 ? shards : 1);
  memory.optimizer = memory.parameters * optimizer_bytes(c.job) / (layout.zero >= 1 ? shards : 1);
  memory.parameters *= c.element / (layout.zero >= 3 ? shards : 1);
  memory.activations = activations(all, rank);
  memory.buffers = messages(all, rank) + layout.chunks * room(all);
  if (rank == layout.pp - 1) memory.buffers += head(all);
  if (c.calls != nullptr) memory.windows = window_bytes(all, rank);
  memory.process = c.machine.process;
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
