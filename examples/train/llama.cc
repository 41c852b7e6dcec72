// The LLaMA layer: h = x + attention(norm(x)), out = h + mlp(norm(h)).
//
// Shapes: S tokens of a micro-batch on this rank of the context group (sequences * sequence / cp),
// of which this rank keeps K between sublayers (S, or S / tp with sequence parallelism); C width;
// per tensor-parallel rank H heads and J key heads of width D, F columns of the MLP.
//
//                         weights            of this rank           communication
//   norm                  [C]                whole                  -
//   gather tokens                                                   all_gather K C -> S C
//   q k v                 [(H+2J)D, C]       rows                   -
//   attention                                heads                  context_parallel.h
//   o                     [C, HD]            columns                -
//   add up                                                          reduce_scatter S C -> K C
//   norm, gather          [C]                                       all_gather
//   gate up               [2F, C]            rows
//   down                  [C, F]             columns
//   add up                                                          reduce_scatter
//
// and backwards the same in reverse, where gathering and adding up change places (residual.h).
// What is before the first layer and after the last: language_stage.h.

#include "train/llama.h"

#include "train/check_share.h"
#include "train/kernels/swiglu.h"
#include "train/language_stage.h"

namespace tutti::train {
namespace {

// ---- the MLP: y = x + down(silu(gate(norm(x))) up(norm(x)))

template <class T>
struct MlpKept final : Stash {
  Array<Precise<T>> r;  // [K]
  Array<T> normed;      // [S, C]; unless recomputed
  Array<T> gate_up;     // [S, 2F]
  Array<T> activated;   // [S, F]; unless recomputed
};

template <class T>
struct MlpGradients final : Stash {
  Array<T> normed;   // [K, C]
  Array<T> gate_up;  // [S, 2F]
  Array<T> down;     // [S, C]: of what down makes, gathered
};

template <class T>
class Mlp final : public SublayerOf<T, T, MlpKept<T>, MlpGradients<T>> {
 public:
  using Kept = MlpKept<T>;
  using Gradients = MlpGradients<T>;

  // `width` of this rank: F.
  Mlp(long width, ResidualStream<T, T>& stream, const Layout& layout)
      : width_(width), stream_(stream), layout_(layout) {}

 private:
  struct Places {  // gate and up lie one after the other
    long norm, gate_up, down;
  };
  Places at(int layer) const {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const auto offset = [&](const char* name) { return layout_.at(prefix + name).offset; };
    return {offset("post_attention_layernorm.weight"), offset("mlp.gate_proj.weight"),
            offset("mlp.down_proj.weight")};
  }
  long tokens() const { return stream_.tokens(); }

  void run(int layer, const T* w, const T* x, Kept& s, T* y) override {
    const Places at = this->at(layer);
    stream_.norm(x, w + at.norm, s.r, s.normed);
    stream_.spare().lend(s.gate_up, elements(tokens(), 2 * width_));
    linear({tokens(), stream_.width(), 2 * width_}, s.normed.data(), w + at.gate_up,
           s.gate_up.data());
    activate(s);
    stream_.add_rows(width_, s.activated.data(), w + at.down, x, y);
  }

  void activate(Kept& s) {
    stream_.spare().lend(s.activated, elements(tokens(), width_));
    swiglu(tokens(), width_, s.gate_up.data(), s.activated.data());
  }

  void forget(Kept& s, Recompute recompute) override {
    stream_.spare().take_back(s.normed, s.activated);
    if (recompute == Recompute::kSelective) return;
    stream_.spare().take_back(s.r, s.gate_up);
  }

  void remember(int layer, const T* w, const T* x, Kept& s) override {
    stream_.norm(x, w + at(layer).norm, s.r, s.normed);
    activate(s);
  }

  void run_backward(int layer, const T* w, const T* x, const Kept& s, Gradients& g,
                    T* dx) override {
    const Places at = this->at(layer);
    stream_.gather(dx, g.down);
    d_activated_.resize(elements(tokens(), width_));
    linear_backward_input({tokens(), width_, stream_.width()}, g.down.data(), w + at.down,
                          d_activated_.data());
    g.gate_up.resize(elements(tokens(), 2 * width_));
    swiglu_backward(tokens(), width_, d_activated_.data(), s.gate_up.data(), g.gate_up.data());
    stream_.back_through_norm(2 * width_, g.gate_up.data(), w + at.gate_up, w + at.norm, x, s.r,
                              g.normed, dx);
  }

  void run_weigh(int layer, const T* x, const Kept& s, const Gradients& g,
                 Precise<T>* dw) override {
    const Places at = this->at(layer);
    const long width = stream_.width();
    linear_backward_weight({tokens(), width_, width}, g.down.data(), s.activated.data(),
                           dw + at.down);
    linear_backward_weight({tokens(), width, 2 * width_}, g.gate_up.data(), s.normed.data(),
                           dw + at.gate_up);
    stream_.weigh_norm(g.normed, x, s.r, dw + at.norm);
  }

  const long width_;
  ResidualStream<T, T>& stream_;
  const Layout& layout_;
  Array<T> d_activated_;
};

// ---- a stage

template <class T>
std::unique_ptr<Stage<T>> stage_of(const LlamaSettings& settings, StageLayers layers,
                                   Groups& groups, Units<T>& units) {
  const LlamaConfig& config = settings.config;
  const long tokens = settings.sequences * settings.sequence / groups.mesh.cp();
  Sublayers<T, T> all;
  all.stream = std::make_unique<ResidualStream<T, T>>(groups.tensor, settings.sequence_parallel,
                                                      tokens, config.width, config.norm_epsilon);
  all.kinds.push_back(std::make_unique<Attention<T, T>>(attention_of(settings), groups, *all.stream,
                                                        units.layout()));
  all.kinds.push_back(
      std::make_unique<Mlp<T>>(config.mlp_width / groups.mesh.tp(), *all.stream, units.layout()));
  all.layers.assign(static_cast<std::size_t>(layers.end - layers.first), {0, 1});
  return std::make_unique<LanguageStage<T, T>>(shape_of(config), layers, units, settings.recompute,
                                               std::move(all));
}

}  // namespace

LanguageShape shape_of(const LlamaConfig& config) {
  return {config.vocabulary, config.width, static_cast<int>(config.layers), config.norm_epsilon,
          config.tied};
}

AttentionSettings attention_of(const LlamaSettings& settings) {
  const LlamaConfig& config = settings.config;
  AttentionSettings attention;
  attention.heads = {config.heads, config.kv_heads, config.head_width};
  attention.rope = config.rope;
  attention.context = settings.context;
  attention.sequences = settings.sequences;
  attention.sequence = settings.sequence;
  return attention;
}

std::string Llama::objection(const Mesh& mesh) const {
  const LlamaConfig& config = settings_.config;
  std::string why;
  check_share(why, "heads", config.heads, "tp", mesh.tp());
  check_share(why, "kv_heads", config.kv_heads, "tp", mesh.tp());
  check_share(why, "heads", config.heads, "kv_heads", config.kv_heads);
  check_share(why, "mlp_width", config.mlp_width, "tp", mesh.tp());
  check_share(why, "head_width", config.head_width, "pairs", 2);
  if (mesh.cp() > 1) check_share(why, "sequence", settings_.sequence, "2 cp", 2L * mesh.cp());
  if (settings_.sequence_parallel) {
    check_share(why, "tokens of a micro-batch",
                settings_.sequences * settings_.sequence / mesh.cp(), "tp", mesh.tp());
  }
  return why;
}

std::vector<TensorRow> Llama::tensors(StageLayers layers, const Mesh& mesh) const {
  const LlamaConfig& config = settings_.config;
  const bool sequence_parallel = settings_.sequence_parallel && mesh.tp() > 1;
  const long width = config.width;
  std::vector<TensorRow> rows;
  const auto matrix = [&](const std::string& name, long out, long in, Cut cut, int layer) {
    rows.push_back({name + ".weight", out, in, cut, layer, Start::kNormal, config.init_std});
  };
  const auto norm = [&](const std::string& name, int layer) {
    rows.push_back({name + ".weight", width, 1, Cut::kWhole, layer, Start::kConstant, 1,
                    /*decays=*/false, /*partial=*/sequence_parallel});
  };
  const bool first = layers.first == 0;
  const bool last = layers.end == config.layers;
  if (first) {
    matrix("model.embed_tokens", config.vocabulary, width, Cut::kRows, TensorRow::kBeforeLayers);
    rows.back().has_copy = config.tied && !last;
  }
  for (int layer = layers.first; layer < layers.end; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const long queries = config.heads * config.head_width;
    const long keys = config.kv_heads * config.head_width;
    norm(prefix + "input_layernorm", layer);
    matrix(prefix + "self_attn.q_proj", queries, width, Cut::kRows, layer);
    matrix(prefix + "self_attn.k_proj", keys, width, Cut::kRows, layer);
    matrix(prefix + "self_attn.v_proj", keys, width, Cut::kRows, layer);
    matrix(prefix + "self_attn.o_proj", width, queries, Cut::kColumns, layer);
    norm(prefix + "post_attention_layernorm", layer);
    matrix(prefix + "mlp.gate_proj", config.mlp_width, width, Cut::kRows, layer);
    matrix(prefix + "mlp.up_proj", config.mlp_width, width, Cut::kRows, layer);
    matrix(prefix + "mlp.down_proj", width, config.mlp_width, Cut::kColumns, layer);
  }
  if (last) norm("model.norm", TensorRow::kAfterLayers);
  if (last && !(config.tied && first)) {
    matrix("lm_head", config.vocabulary, width, Cut::kRows, TensorRow::kAfterLayers);
    if (config.tied) {
      // The same values as on the first stage.
      rows.back().tied_to = "model.embed_tokens.weight";
    }
  }
  return rows;
}

std::vector<std::int32_t> Llama::share(const std::vector<std::int32_t>& sequence,
                                       const Groups& groups) const {
  return share_of(sequence, groups.at(Dimension::kContext), groups.mesh.cp());
}

std::unique_ptr<Stage<float>> Llama::make_stage(StageLayers layers, Groups& groups,
                                                Units<float>& units) const {
  return stage_of(settings_, layers, groups, units);
}
std::unique_ptr<Stage<double>> Llama::make_stage(StageLayers layers, Groups& groups,
                                                 Units<double>& units) const {
  return stage_of(settings_, layers, groups, units);
}
std::unique_ptr<Stage<OnDevice<float>>> Llama::make_stage(StageLayers layers, Groups& groups,
                                                          Units<OnDevice<float>>& units) const {
  return stage_of(settings_, layers, groups, units);
}
std::unique_ptr<Stage<OnDevice<Bf16>>> Llama::make_stage(StageLayers layers, Groups& groups,
                                                         Units<OnDevice<Bf16>>& units) const {
  return stage_of(settings_, layers, groups, units);
}

}  // namespace tutti::train
