#include "train/mamba.h"

#include "train/check_share.h"
#include "train/language_stage.h"
#include "train/mamba1.h"
#include "train/mamba2.h"
#include "train/mamba_tensors.h"

namespace tutti::train {
namespace {

template <class T>
std::unique_ptr<Sublayer<T, Precise<T>>> mixer_of(const MambaSettings& settings, long tokens,
                                                  Groups& groups,
                                                  ResidualStream<T, Precise<T>>& stream,
                                                  const Units<T>& units) {
  const MambaConfig& config = settings.config;
  if (config.family == MambaFamily::kMamba1) {
    return std::make_unique<Mamba1<T>>(config, settings.sequences, tokens, groups, stream, units);
  }
  return std::make_unique<Mamba2<T>>(config, settings.scan, settings.sequences, tokens, groups,
                                     stream, units);
}

template <class T>
std::unique_ptr<Stage<T>> stage_of(const MambaSettings& settings, StageLayers layers,
                                   Groups& groups, Units<T>& units) {
  const MambaConfig& config = settings.config;
  const long tokens = settings.sequence / groups.mesh.cp();
  Sublayers<T, Precise<T>> all;
  all.stream = std::make_unique<ResidualStream<T, Precise<T>>>(
      groups.tensor, settings.sequence_parallel, settings.sequences * tokens, config.width,
      config.norm_epsilon);
  all.kinds.push_back(mixer_of(settings, tokens, groups, *all.stream, units));
  if (config.is_hybrid()) {
    all.kinds.push_back(std::make_unique<Attention<T, Precise<T>>>(attention_of(settings), groups,
                                                                   *all.stream, units.layout()));
  }
  for (int layer = layers.first; layer < layers.end; ++layer) {
    all.layers.push_back({config.is_attention(layer) ? 1 : 0});
  }
  return std::make_unique<LanguageStage<T, Precise<T>>>(shape_of(config), layers, units,
                                                        settings.recompute, std::move(all));
}

// Equal shares of groups, or equal shares of the ranks for each group.
void check_groups(std::string& why, const char* what, long groups, long tp) {
  if (groups % tp == 0 || tp % groups == 0) return;
  if (why.empty()) {
    why = std::string(what) + " " + std::to_string(groups) + ": expected a multiple or a divisor " +
          "of tp=" + std::to_string(tp);
  }
}

}  // namespace

LanguageShape shape_of(const MambaConfig& config) {
  LanguageShape shape{config.vocabulary, config.width, static_cast<int>(config.layers),
                      config.norm_epsilon, config.tied};
  shape.table = "backbone.embeddings.weight";
  shape.norm = "backbone.norm_f.weight";
  shape.precise_stream = true;
  return shape;
}

AttentionSettings attention_of(const MambaSettings& settings) {
  const MambaAttention& config = settings.config.attention;
  AttentionSettings attention;
  attention.heads = {config.heads, config.kv_heads, config.head_width};
  attention.rope.theta = config.rotary_base;
  attention.rotary = config.rotary;
  attention.context = settings.context;
  attention.sharing = Sharing::kNeighbours;
  attention.sequences = settings.sequences;
  attention.sequence = settings.sequence;
  attention.layers = "backbone.layers.";
  attention.norm = "norm.weight";
  attention.q = "mixer.in_proj.weight/q";
  attention.o = "mixer.out_proj.weight";
  return attention;
}

std::string Mamba::objection(const Mesh& mesh) const {
  const MambaConfig& config = settings_.config;
  std::string why;
  if (config.family == MambaFamily::kMamba1) {
    check_share(why, "inner width", config.inner_width(), "tp", mesh.tp());
  } else {
    check_share(why, "inner width", config.inner_width(), "head_width", config.head_width);
    check_share(why, "heads", config.heads(), "tp", mesh.tp());
    check_share(why, "heads", config.heads(), "groups", config.groups);
    check_groups(why, "norm_groups", config.norm_groups, mesh.tp());
    if (settings_.scan == ScanKind::kHeads) {
      check_share(why, "heads", config.heads(), "tp cp", static_cast<long>(mesh.tp()) * mesh.cp());
    }
  }
  if (config.is_hybrid()) {
    check_share(why, "attention heads", config.attention.heads, "tp", mesh.tp());
    check_share(why, "attention kv_heads", config.attention.kv_heads, "tp", mesh.tp());
    check_share(why, "attention heads", config.attention.heads, "kv_heads",
                config.attention.kv_heads);
  }
  check_share(why, "sequence", settings_.sequence, "cp", mesh.cp());
  const long shard = settings_.sequence / mesh.cp();
  const bool has_halo = mesh.cp() > 1 && settings_.scan == ScanKind::kShards;
  if (why.empty() && has_halo && shard < config.taps - 1) {
    why = "sequence " + std::to_string(settings_.sequence) + ": expected at least " +
          std::to_string((config.taps - 1) * mesh.cp()) +
          ", what convolutions see on each of cp=" + std::to_string(mesh.cp());
  }
  if (settings_.sequence_parallel) {
    check_share(why, "tokens of a micro-batch", settings_.sequences * shard, "tp", mesh.tp());
  }
  return why;
}

std::vector<TensorRow> Mamba::tensors(StageLayers layers, const Mesh& mesh) const {
  return mamba_tensors(settings_.config, layers, mesh, settings_.sequence_parallel);
}

std::vector<std::int32_t> Mamba::share(const std::vector<std::int32_t>& sequence,
                                       const Groups& groups) const {
  return share_of(sequence, groups.at(Dimension::kContext), groups.mesh.cp(), Sharing::kNeighbours);
}

std::unique_ptr<Stage<float>> Mamba::make_stage(StageLayers layers, Groups& groups,
                                                Units<float>& units) const {
  return stage_of(settings_, layers, groups, units);
}
std::unique_ptr<Stage<double>> Mamba::make_stage(StageLayers layers, Groups& groups,
                                                 Units<double>& units) const {
  return stage_of(settings_, layers, groups, units);
}
std::unique_ptr<Stage<OnDevice<float>>> Mamba::make_stage(StageLayers layers, Groups& groups,
                                                          Units<OnDevice<float>>& units) const {
  return stage_of(settings_, layers, groups, units);
}
std::unique_ptr<Stage<OnDevice<Bf16>>> Mamba::make_stage(StageLayers layers, Groups& groups,
                                                         Units<OnDevice<Bf16>>& units) const {
  return stage_of(settings_, layers, groups, units);
}

}  // namespace tutti::train
