#include "train/app/rank_shape.h"

namespace tutti::train {

RankShape::RankShape(const Plan& plan, const Place& place)
    : stream(computing(plan.model), shape_of(config_of(plan.model)).width, plan.mesh, place),
      sublayers(std::visit([&](const auto& model) { return sizes_of(model, stream); }, plan.model)),
      recompute(computing(plan.model).recompute),
      hidden(stream.K * stream.C *
             (shape_of(config_of(plan.model)).precise_stream ? plan.precise() / plan.element : 1)),
      exact(plan.element < plan.precise() ? plan.precise() / plan.element : 0),
      micro_batches(train::micro_batches(plan)),
      gradient_ranks(plan.mesh.dp() * plan.mesh.cp()),
      zero(gradient_ranks > 1 ? plan.settings.data.zero : 0) {
  using enum Dimension;
  const std::unique_ptr<Model> model = make_model(plan.model);
  const Mesh& mesh = plan.mesh;
  const auto at = [&](Dimension dimension) { return place[static_cast<int>(dimension)]; };
  V = static_cast<double>((model->vocabulary() + mesh.tp() - 1) / mesh.tp());
  // As split() numbers them: by their ranks.
  for (int rank = 0; rank < mesh.rank_at(place); ++rank) {
    Place other = mesh.place_of(rank);
    other[static_cast<int>(kData)] = at(kData);
    other[static_cast<int>(kContext)] = at(kContext);
    if (other == place) ++gradient_rank;
  }
  chunks = chunks_of(*model, plan.settings.chunks, mesh, at(kPipeline));
  layout = layout_of(*model, chunks, mesh, at(kTensor));
  cuts =
      cut(layout, gradient_ranks, zero >= 2 ? 0 : plan.settings.data.bucket_bytes / plan.element);
  model_layers = model->layers();
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

double RankShape::given_elements(const Bucket& bucket) const {
  const Shard mine = shard(bucket);
  auto elements = static_cast<double>(mine.size());
  for (const ExactRun& run : exact_runs_of(layout, mine)) {
    elements += exact * static_cast<double>(run.size());
  }
  return elements;
}

int RankShape::gathers(const Unit& unit) const {
  if (unit.layer >= 0) return 2;
  if (unit.layer == TensorRow::kAfterLayers) return 1;
  // The table of the embeddings, which is the head, too, where both are on this stage.
  for (const Placed& placed : layout.tensors) {
    if (placed.row.name == "lm_head.weight") return 1;
  }
  const bool has_head = layout.tensors.back().row.layer == TensorRow::kAfterLayers;
  return has_head ? 2 : 1;
}

}  // namespace tutti::train
