#include "train/app/rank_shape.h"

namespace tutti::train {

RankShape::RankShape(const Plan& plan, const Place& place) {
  using enum Dimension;
  const LlamaSettings& model = plan.model.settings();
  const LlamaConfig& config = model.config;
  const Mesh& mesh = plan.mesh;
  const auto at = [&](Dimension dimension) { return place[static_cast<int>(dimension)]; };
  const double tp = mesh.tp();

  S = static_cast<double>(model.sequences * model.sequence) / mesh.cp();
  shares_tokens = model.sequence_parallel && mesh.tp() > 1;
  K = shares_tokens ? S / tp : S;
  C = static_cast<double>(config.width);
  heads = static_cast<double>(config.heads) / tp;
  HD = heads * static_cast<double>(config.head_width);
  const double keys = static_cast<double>(config.kv_heads * config.head_width) / tp;
  QKV = HD + 2 * keys;
  F = static_cast<double>(config.mlp_width) / tp;
  V = static_cast<double>((config.vocabulary + mesh.tp() - 1) / mesh.tp());
  pairs = S * 2 * keys;

  micro_batches = train::micro_batches(plan);
  gradient_ranks = mesh.dp() * mesh.cp();
  // As split() numbers them: by their ranks.
  for (int rank = 0; rank < mesh.rank_at(place); ++rank) {
    Place other = mesh.place_of(rank);
    other[static_cast<int>(kData)] = at(kData);
    other[static_cast<int>(kContext)] = at(kContext);
    if (other == place) ++gradient_rank;
  }
  zero = gradient_ranks > 1 ? plan.settings.data.zero : 0;
  chunks = chunks_of(plan.model, plan.settings.chunks, mesh, at(kPipeline));
  layout = layout_of(plan.model, chunks, mesh, at(kTensor));
  cuts =
      cut(layout, gradient_ranks, zero >= 2 ? 0 : plan.settings.data.bucket_bytes / plan.element);
  model_layers = plan.model.layers();
}

int RankShape::layers() const {
  int count = 0;
  for (const StageLayers& chunk : chunks) count += chunk.end - chunk.first;
  return count;
}

Shard RankShape::shard(const Bucket& bucket) const {
  return zero == 0 ? Shard{bucket.begin, bucket.end} : bucket.shard(gradient_rank);
}

double RankShape::bucket_elements() const {
  double elements = 0;
  for (const Bucket& bucket : cuts.buckets) elements += static_cast<double>(bucket.size());
  return elements;
}

double RankShape::shard_elements() const {
  double elements = 0;
  for (const Bucket& bucket : cuts.buckets) elements += static_cast<double>(shard(bucket).size());
  return elements;
}

}  // namespace tutti::train
