#include "planner/windows.h"

#include <algorithm>

namespace tutti::planner {
namespace {

using enum Collective;

GroupShape along(const CostContext& c, std::initializer_list<Dimension> dimensions) {
  std::array<bool, kDimensions> varies = {};
  for (const Dimension dimension : dimensions) varies[static_cast<int>(dimension)] = true;
  return group_of(c.layout, varies, c.machine.devices);
}

// Of all layers, forward and backward.
double tensor(const CostContext& c) {
  const double bytes = c.share.tokens * static_cast<double>(c.model.width) * c.element;
  std::vector<HostCall> calls = {{kAllReduce, bytes}};
  if (c.layout.sequence_parallel) calls = {{kAllGather, bytes}, {kReduceScatter, bytes}};
  return c.calls->window_bytes(c.tensor.per_node, calls);
}

// Keys and values, or rows and states, go to a neighbour and come from one.
double context(const CostContext& c) {
  if (c.context.per_node <= 1) return 0;
  double bytes = 0;
  for (const LayerRun& run : c.model.runs) {
    const LayerWork work = work_of(c.model, run, c.share);
    const double message = work.passed + work.gathered_state / c.layout.cp;
    bytes = std::max(bytes, message * c.element);
  }
  return 2 * c.calls->window_bytes(2, {{kSendRecv, bytes}});
}

// What one call adds up.
struct Bucket {
  double bytes = 0;  // of gradients
  bool is_of_layers = false;
};

// Layers that follow each other are put together until a call moves so many bytes; where shards
// are kept, each goes by itself.
void add_layers(const StageCosts& stage, double most, double bytes, std::vector<Bucket>& buckets) {
  bool open = false;
  for (const double layer : stage.layers) {
    if (!open) buckets.push_back({0, true});
    buckets.back().bytes += layer * bytes;
    open = buckets.back().bytes < most;
  }
}

std::vector<Bucket> buckets_of(const Staged& all, int rank) {
  const CostContext& c = all.context;
  const double most = c.layout.zero >= 2 ? 0 : c.job.trainer.bucket_bytes;
  const double bytes = c.job.trainer.gradient_bytes;
  std::vector<Bucket> buckets;
  for (int chunk = 0; chunk < c.layout.chunks; ++chunk) {
    const StageCosts& stage = all.stages[static_cast<std::size_t>(chunk * c.layout.pp + rank)];
    for (const double table : stage.before) buckets.push_back({table * bytes, false});
    add_layers(stage, most, bytes, buckets);
    for (const double table : stage.after) buckets.push_back({table * bytes, false});
  }
  return buckets;
}

HostCall gather(const CostContext& c, const Bucket& bucket) {
  return {kAllGather, bucket.bytes * c.element / c.job.trainer.gradient_bytes};
}

// A micro-batch where weights are shards: they are gathered forward, a table once more if it is the
// head, too, and layers backward again, each before the gradients of the layer after it leave.
void add_shards(const CostContext& c, const std::vector<Bucket>& buckets,
                std::vector<HostCall>& calls) {
  for (const Bucket& bucket : buckets) calls.push_back(gather(c, bucket));
  if (c.model.tied && c.layout.pp == 1) calls.push_back(gather(c, buckets.front()));
  bool is_there = false;
  for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
    if (bucket->is_of_layers) {
      if (!is_there) calls.push_back(gather(c, *bucket));
      const auto next = std::next(bucket);
      is_there = next != buckets.rend() && next->is_of_layers;
      if (is_there) calls.push_back(gather(c, *next));
    }
    calls.push_back({kReduceScatter, bucket->bytes});
  }
}

double gradients(const Staged& all, int rank) {
  const CostContext& c = all.context;
  const GroupShape group = along(c, {Dimension::kData, Dimension::kContext});
  if (group.per_node <= 1) return 0;
  const std::vector<Bucket> buckets = buckets_of(all, rank);
  std::vector<HostCall> calls = {{kAllReduce, 16}};
  // Where shards are kept, each micro-batch makes them; a few in a row are as many.
  const int passes = c.layout.zero >= 2 ? std::min(all.micro_batches, 3) : 1;
  for (int pass = 0; pass < passes; ++pass) {
    if (c.layout.zero == 3) {
      add_shards(c, buckets, calls);
      continue;
    }
    for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
      calls.push_back({c.layout.zero == 0 ? kAllReduce : kReduceScatter, bucket->bytes});
    }
  }
  if (c.layout.zero == 1 || c.layout.zero == 2) {
    for (const Bucket& bucket : buckets) calls.push_back(gather(c, bucket));
  }
  return c.calls->window_bytes(group.per_node, calls);
}

// The first and the last rank of a pipeline add up the gradients of the table that both have, and
// what goes with it in a bucket.
double embeddings(const Staged& all, int rank) {
  const CostContext& c = all.context;
  const bool has_table = rank == 0 || rank == c.layout.pp - 1;
  if (!c.model.tied || !has_table || c.pipeline.per_node <= 1) return 0;
  const std::vector<Bucket> buckets = buckets_of(all, rank);
  const double bytes = (rank == 0 ? buckets.front() : buckets.back()).bytes;
  const int shards = c.layout.zero >= 1 ? c.layout.dp * c.layout.cp : 1;
  return c.calls->window_bytes(2, {{kAllReduce, bytes / shards}});
}

// Each end of a rank's part has a lane forward and one backward.
double lanes(const CostContext& c, int rank) {
  if (c.pipeline.per_node <= 1) return 0;
  const int ends = c.layout.chunks > 1 ? 2 : (rank > 0) + (rank < c.layout.pp - 1);
  return 2 * ends * c.calls->window_bytes(2, {{kSendRecv, c.hidden_bytes()}});
}

}  // namespace

double window_bytes(const Staged& all, int pipeline_rank) {
  const CostContext& c = all.context;
  const double small =
      c.calls->window_bytes(std::min(c.machine.devices, c.layout.ranks()), {{kAllReduce, 16}});
  return tensor(c) + context(c) + gradients(all, pipeline_rank) + lanes(c, pipeline_rank) +
         embeddings(all, pipeline_rank) + small;
}

}  // namespace tutti::planner
