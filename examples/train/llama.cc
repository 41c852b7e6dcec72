// The LLaMA block: h = x + attention(norm(x)), out = h + mlp(norm(h)).
//
// Shapes: S tokens of a micro-batch on this rank of the context group (sequences * sequence / cp),
// of which this rank keeps K between layers (S, or S / tp with sequence parallelism); C width; per
// tensor-parallel rank H heads and J key heads of width D, F columns of the MLP, V words.
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
// and backwards the same in reverse, where gathering and adding up change places.

#include "train/llama.h"

#include <algorithm>

#include "train/kernels/cross_entropy.h"
#include "train/kernels/embedding.h"
#include "train/kernels/matmul.h"
#include "train/kernels/norm.h"
#include "train/kernels/swiglu.h"

namespace tutti::train {
namespace {

// Offsets of a layer's tensors. q, k, v lie one after the other, as do gate and up.
struct LayerPlaces {
  long attention_norm = 0;
  long qkv = 0;
  long o = 0;
  long mlp_norm = 0;
  long gate_up = 0;
  long down = 0;
};

// What a layer keeps of a micro-batch.
template <class T>
struct LayerStash {
  Array<T> input;         // [K, C]
  Array<T> r1;            // [K]
  Array<T> normed1;       // [S, C], gathered; unless recomputed
  Array<T> qkv;           // [S, (H+2J)D], turned
  Array<T> attended;      // [S, HD]
  Array<T> log_sum;       // [S, H]
  Array<T> middle;        // [K, C]: h
  Array<T> r2;            // [K]
  Array<T> normed2;       // [S, C]; unless recomputed
  Array<T> gate_up;       // [S, 2F]
  Array<T> activated;     // [S, F]; unless recomputed
  bool complete = false;  // whether everything above is there
};

// Gradients of what the weights are multiplied with, for backward_weights().
template <class T>
struct LayerGradients {
  Array<T> normed1;   // [K, C]
  Array<T> qkv;       // [S, (H+2J)D]
  Array<T> attended;  // [S, C]: of what o makes, gathered
  Array<T> normed2;   // [K, C]
  Array<T> gate_up;   // [S, 2F]
  Array<T> down;      // [S, C]: of what down makes, gathered
};

template <class T>
struct LlamaStash final : Stash {
  std::vector<LayerStash<T>> layers;
  std::vector<LayerGradients<T>> gradients;  // where weights wait; one for all where they do not
  Array<T> output;                           // [K, C] of the last layer
  Array<T> d_output;                         // [K, C] of the loss, last stage
  Array<T> d_embedded;                       // [S, C], first stage, where weights wait
};

template <class T>
class LlamaStage final : public Stage<T> {
 public:
  LlamaStage(const LlamaSettings& settings, StageLayers layers, Groups& groups, Units<T>& units)
      : settings_(settings),
        config_(settings.config),
        layers_(layers),
        units_(units),
        tensor_(groups.tensor, settings.sequence_parallel),
        heads_{config_.heads / tensor_.ranks(), config_.kv_heads / tensor_.ranks(),
               config_.head_width},
        attention_(groups.context, settings.context, heads_, settings.sequences, settings.sequence),
        tokens_(settings.sequences * attention_.tokens()),
        kept_(tensor_.share(tokens_)),
        mlp_width_(config_.mlp_width / tensor_.ranks()),
        rope_(RopeTable<T>::make(
            rope_frequencies(config_.rope, config_.head_width, settings.sequence),
            settings.sequence)) {
    for (int layer = layers.first; layer < layers.end; ++layer) places_.push_back(find(layer));
  }

  std::size_t hidden_size() const override { return count(kept_, config_.width); }

  std::unique_ptr<Stash> make_stash() override {
    auto stash = std::make_unique<LlamaStash<T>>();
    stash->layers.resize(places_.size());
    return stash;
  }

  double forward(Stash& any, const MicroBatch& batch, const T* in, T* out, double scale) override {
    auto& stash = static_cast<LlamaStash<T>&>(any);
    T* x = input_of(stash, 0);
    if (is_first()) {
      embed_tokens(batch, x);
    } else {
      std::copy_n(in, hidden_size(), x);
    }
    for (std::size_t i = 0; i < places_.size(); ++i) {
      T* next = input_of(stash, i + 1);
      forward_layer(i, stash.layers[i], next, Pass::kForward);
      units_.done(layer(i), Pass::kForward);
      forget(stash.layers[i]);
    }
    if (is_last()) return head(stash, batch, scale);
    std::copy_n(stash.output.data(), hidden_size(), out);
    return 0;
  }

  void backward(Stash& any, const MicroBatch& batch, const T* d_out, T* d_in, bool later) override {
    auto& stash = static_cast<LlamaStash<T>&>(any);
    stash.gradients.resize(later ? places_.size() : 1);
    dx_.assign({is_last() ? stash.d_output.data() : d_out, hidden_size()});
    for (std::size_t i = places_.size(); i-- > 0;) {
      LayerGradients<T>& gradients = stash.gradients[later ? i : 0];
      remember(i, stash.layers[i], input_of(stash, i + 1));
      backward_layer(i, stash.layers[i], gradients);
      units_.forget(layer(i));
      if (!later) weigh_layer(i, stash.layers[i], gradients);
    }
    if (!is_first()) std::copy_n(dx_.data(), hidden_size(), d_in);
    if (!is_first()) return;
    const T* whole = tensor_.from_rows_backward(std::span<const T>(dx_), gathered_);
    stash.d_embedded.assign({whole, count(tokens_, config_.width)});
    if (!later) weigh_embedding(stash, batch);
  }

  void backward_weights(Stash& any, const MicroBatch& batch) override {
    auto& stash = static_cast<LlamaStash<T>&>(any);
    for (std::size_t i = places_.size(); i-- > 0;) {
      weigh_layer(i, stash.layers[i], stash.gradients[i]);
    }
    if (is_first()) weigh_embedding(stash, batch);
  }

 private:
  static std::size_t count(long rows, long columns) {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  }
  bool is_first() const { return layers_.first == 0; }
  bool is_last() const { return layers_.end == config_.layers; }
  int layer(std::size_t i) const { return layers_.first + static_cast<int>(i); }
  long qkv_width() const { return (heads_.heads + 2 * heads_.kv_heads) * heads_.width; }
  long heads_width() const { return heads_.heads * heads_.width; }

  LayerPlaces find(int layer) const {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const auto at = [&](const char* name) {
      return units_.layout().at(prefix + name + ".weight").offset;
    };
    return {at("input_layernorm"),          at("self_attn.q_proj"), at("self_attn.o_proj"),
            at("post_attention_layernorm"), at("mlp.gate_proj"),    at("mlp.down_proj")};
  }

  // Where layer i's input is; the last layer's output after the last.
  T* input_of(LlamaStash<T>& stash, std::size_t i) {
    Array<T>& input = i < places_.size() ? stash.layers[i].input : stash.output;
    input.resize(hidden_size());
    return input.data();
  }

  // ---- forward

  void embed_tokens(const MicroBatch& batch, T* x) {
    const Placed& table = units_.layout().at("model.embed_tokens.weight");
    const T* w = units_.weights(TensorRow::kBeforeLayers, Pass::kForward) + table.offset;
    partial_.resize(count(tokens_, config_.width));
    embed({tokens_, config_.width, table.part.rows, table.part.first_row}, batch.tokens.data(), w,
          partial_.data());
    units_.done(TensorRow::kBeforeLayers, Pass::kForward);
    const T* sum = tensor_.from_rows(partial_, scattered_);
    std::copy_n(sum, hidden_size(), x);
  }

  void forward_layer(std::size_t i, LayerStash<T>& s, T* out, Pass pass) {
    lend(s);
    const T* w = units_.weights(layer(i), pass);
    attention_input(i, w, s);
    s.qkv.resize(count(tokens_, qkv_width()));
    linear({tokens_, config_.width, qkv_width()}, s.normed1.data(), w + places_[i].qkv,
           s.qkv.data());
    turn(s.qkv.data(), 1);
    s.attended.resize(count(tokens_, heads_width()));
    s.log_sum.resize(count(tokens_, heads_.heads));
    attention_.forward(s.qkv.data(), s.attended.data(), s.log_sum.data());
    s.middle.resize(hidden_size());
    add_rows(heads_width(), s.attended.data(), w + places_[i].o, s.input.data(), s.middle.data());

    mlp_input(i, w, s);
    s.gate_up.resize(count(tokens_, 2 * mlp_width_));
    linear({tokens_, config_.width, 2 * mlp_width_}, s.normed2.data(), w + places_[i].gate_up,
           s.gate_up.data());
    activate(s);
    add_rows(mlp_width_, s.activated.data(), w + places_[i].down, s.middle.data(), out);
    s.complete = true;
  }

  void attention_input(std::size_t i, const T* w, LayerStash<T>& s) {
    norm(s.input.data(), w + places_[i].attention_norm, s.r1, s.normed1);
  }
  void mlp_input(std::size_t i, const T* w, LayerStash<T>& s) {
    norm(s.middle.data(), w + places_[i].mlp_norm, s.r2, s.normed2);
  }
  void activate(LayerStash<T>& s) {
    s.activated.resize(count(tokens_, mlp_width_));
    swiglu(tokens_, mlp_width_, s.gate_up.data(), s.activated.data());
  }

  // Tokens kept here, normed, and those of all others.
  void norm(const T* x, const T* w, Array<T>& r, Array<T>& normed) {
    r.resize(static_cast<std::size_t>(kept_));
    Array<T>& mine = tensor_.keeps_all_tokens() ? normed : normed_;
    mine.resize(hidden_size());
    rms_norm(kept_, config_.width, config_.norm_epsilon, x, w, mine.data(), r.data());
    tensor_.to_columns(std::span<const T>(mine), normed);
  }

  // y = residual + the sum over ranks of x wᵀ.
  void add_rows(long in, const T* x, const T* w, const T* residual, T* y) {
    partial_.resize(count(tokens_, config_.width));
    linear({tokens_, in, config_.width}, x, w, partial_.data());
    const T* sum = tensor_.from_rows(partial_, scattered_);
    for (std::size_t n = 0; n < hidden_size(); ++n) y[n] = residual[n] + sum[n];
  }

  // Queries and keys by their positions.
  void turn(T* qkv, int direction) {
    const long turned = heads_.heads + heads_.kv_heads;
    for (long n = 0; n < settings_.sequences; ++n) {
      for (const Piece& piece : attention_.pieces()) {
        for (long t = 0; t < piece.tokens.count; ++t) {
          T* token = qkv + (n * attention_.tokens() + piece.first + t) * qkv_width();
          rotate(rope_, piece.tokens.position + t, turned, direction, token);
        }
      }
    }
  }

  // ---- what is not kept: its memory is for the next layer that needs some

  void forget(LayerStash<T>& s) {
    if (settings_.recompute == Recompute::kNone) return;
    s.complete = false;
    hand_over(s, spare_.emplace_back());
  }

  void lend(LayerStash<T>& s) {
    if (spare_.empty()) return;
    hand_over(spare_.back(), s);
    spare_.pop_back();
  }

  void hand_over(LayerStash<T>& from, LayerStash<T>& to) const {
    to.normed1 = std::move(from.normed1);
    to.normed2 = std::move(from.normed2);
    to.activated = std::move(from.activated);
    if (settings_.recompute == Recompute::kSelective) return;
    to.r1 = std::move(from.r1);
    to.qkv = std::move(from.qkv);
    to.attended = std::move(from.attended);
    to.log_sum = std::move(from.log_sum);
    to.middle = std::move(from.middle);
    to.r2 = std::move(from.r2);
    to.gate_up = std::move(from.gate_up);
  }

  void remember(std::size_t i, LayerStash<T>& s, T* out) {
    if (s.complete) return;
    if (settings_.recompute == Recompute::kFull) return forward_layer(i, s, out, Pass::kBackward);
    lend(s);
    const T* w = units_.weights(layer(i), Pass::kBackward);
    attention_input(i, w, s);
    mlp_input(i, w, s);
    activate(s);
    s.complete = true;
  }

  // ---- head and loss

  // The gradient of the loss is computed at once, a few tokens at a time, so that logits are never
  // all there.
  double head(LlamaStash<T>& stash, const MicroBatch& batch, double scale) {
    const Layout& layout = units_.layout();
    const Placed& table = layout.at(head_name());
    const int unit = table.row.layer;
    const T* w = units_.weights(TensorRow::kAfterLayers, Pass::kForward);
    const T* norm_weight = w + layout.at("model.norm.weight").offset;
    const T* words = units_.weights(unit, Pass::kForward) + table.offset;
    norm(stash.output.data(), norm_weight, last_r_, last_normed_);

    const bool learns = scale != 0;
    if (learns) partial_.resize(count(tokens_, config_.width));
    double loss = 0;
    for (long first = 0; first < tokens_; first += kHeadTokens) {
      const long some = std::min(kHeadTokens, tokens_ - first);
      const T* x = last_normed_.data() + first * config_.width;
      loss += losses(table, x, words, batch.labels.data() + first, some, scale);
      if (!learns) continue;
      const Linear shape{some, config_.width, table.part.rows};
      linear_backward_input(shape, logits_.data(), words, partial_.data() + first * config_.width);
      linear_backward_weight(shape, logits_.data(), x, units_.gradients(unit) + table.offset);
    }
    if (learns) head_backward(stash, norm_weight);
    if (unit != TensorRow::kAfterLayers) units_.done(unit, Pass::kForward);
    units_.done(TensorRow::kAfterLayers, learns ? Pass::kBackward : Pass::kForward);
    return loss;
  }

  // Of some tokens; leaves the gradients of their logits in logits_.
  double losses(const Placed& table, const T* x, const T* words, const std::int32_t* labels,
                long tokens, double scale) {
    const long columns = table.part.rows;
    const long known = std::clamp(table.row.rows - table.part.first_row, 0L, columns);
    const LogitsShape shape{tokens, columns, known, table.part.first_row};
    logits_.resize(count(tokens, columns));
    most_.resize(static_cast<std::size_t>(tokens));
    sums_.resize(static_cast<std::size_t>(2 * tokens));
    linear({tokens, config_.width, columns}, x, words, logits_.data());
    largest_logits(shape, logits_.data(), most_.data());
    tensor_.group().all_reduce(std::span<T>(most_), Reduction::kMax);
    sum_logits(shape, logits_.data(), labels, most_.data(), sums_.data());
    tensor_.group().all_reduce(std::span<T>(sums_));
    return cross_entropy(shape, logits_.data(), labels, most_.data(), sums_.data(), scale);
  }

  void head_backward(LlamaStash<T>& stash, const T* norm_weight) {
    const T* d_normed = tensor_.to_columns_backward(partial_, scattered_);
    stash.d_output.resize(hidden_size());
    stash.d_output.fill(0);
    rms_norm_backward_input(kept_, config_.width, d_normed, stash.output.data(), norm_weight,
                            last_r_.data(), stash.d_output.data());
    rms_norm_backward_weight(
        kept_, config_.width, d_normed, stash.output.data(), last_r_.data(),
        units_.gradients(TensorRow::kAfterLayers) + units_.layout().at("model.norm.weight").offset);
  }

  // With tied embeddings on one stage, the table of the embeddings is the head.
  std::string head_name() const {
    return config_.tied && is_first() ? "model.embed_tokens.weight" : "lm_head.weight";
  }

  // ---- backward

  // dx_ [K, C]: from the gradient of the layer's output to that of its input.
  void backward_layer(std::size_t i, LayerStash<T>& s, LayerGradients<T>& g) {
    const T* w = units_.weights(layer(i), Pass::kBackward);
    const LayerPlaces& at = places_[i];

    gather(g.down);
    d_inner_.resize(count(tokens_, mlp_width_));
    linear_backward_input({tokens_, mlp_width_, config_.width}, g.down.data(), w + at.down,
                          d_inner_.data());
    g.gate_up.resize(count(tokens_, 2 * mlp_width_));
    swiglu_backward(tokens_, mlp_width_, d_inner_.data(), s.gate_up.data(), g.gate_up.data());
    back_through_norm(2 * mlp_width_, g.gate_up.data(), w + at.gate_up, w + at.mlp_norm, s.middle,
                      s.r2, g.normed2);

    gather(g.attended);
    d_inner_.resize(count(tokens_, heads_width()));
    linear_backward_input({tokens_, heads_width(), config_.width}, g.attended.data(), w + at.o,
                          d_inner_.data());
    g.qkv.resize(count(tokens_, qkv_width()));
    attention_.backward(s.qkv.data(), s.attended.data(), s.log_sum.data(), d_inner_.data(),
                        g.qkv.data());
    turn(g.qkv.data(), -1);
    back_through_norm(qkv_width(), g.qkv.data(), w + at.qkv, w + at.attention_norm, s.input, s.r1,
                      g.normed1);
  }

  // Gradients of all tokens, from those kept here.
  void gather(Array<T>& all) {
    const T* whole = tensor_.from_rows_backward(std::span<const T>(dx_), all);
    if (whole != all.data()) all.assign({whole, dx_.size()});
  }

  // Through the product with `columns` rows of weights, the norm, and into dx_.
  void back_through_norm(long columns, const T* dy, const T* w, const T* norm_weight,
                         const Array<T>& x, const Array<T>& r, Array<T>& d_normed) {
    partial_.resize(count(tokens_, config_.width));
    linear_backward_input({tokens_, config_.width, columns}, dy, w, partial_.data());
    const T* sum = tensor_.to_columns_backward(partial_, scattered_);
    d_normed.assign({sum, hidden_size()});
    rms_norm_backward_input(kept_, config_.width, d_normed.data(), x.data(), norm_weight, r.data(),
                            dx_.data());
  }

  // Gradients of a layer's weights.
  void weigh_layer(std::size_t i, LayerStash<T>& s, const LayerGradients<T>& g) {
    T* dw = units_.gradients(layer(i));
    const LayerPlaces& at = places_[i];
    const long width = config_.width;
    linear_backward_weight({tokens_, mlp_width_, width}, g.down.data(), s.activated.data(),
                           dw + at.down);
    linear_backward_weight({tokens_, width, 2 * mlp_width_}, g.gate_up.data(), s.normed2.data(),
                           dw + at.gate_up);
    rms_norm_backward_weight(kept_, width, g.normed2.data(), s.middle.data(), s.r2.data(),
                             dw + at.mlp_norm);
    linear_backward_weight({tokens_, heads_width(), width}, g.attended.data(), s.attended.data(),
                           dw + at.o);
    linear_backward_weight({tokens_, width, qkv_width()}, g.qkv.data(), s.normed1.data(),
                           dw + at.qkv);
    rms_norm_backward_weight(kept_, width, g.normed1.data(), s.input.data(), s.r1.data(),
                             dw + at.attention_norm);
    units_.done(layer(i), Pass::kBackward);
    forget(s);
  }

  void weigh_embedding(const LlamaStash<T>& stash, const MicroBatch& batch) {
    const Placed& table = units_.layout().at("model.embed_tokens.weight");
    embed_backward({tokens_, config_.width, table.part.rows, table.part.first_row},
                   batch.tokens.data(), stash.d_embedded.data(),
                   units_.gradients(TensorRow::kBeforeLayers) + table.offset);
    units_.done(TensorRow::kBeforeLayers, Pass::kBackward);
  }

  static constexpr long kHeadTokens = 512;  // logits at a time

  const LlamaSettings settings_;
  const LlamaConfig& config_ = settings_.config;
  const StageLayers layers_;
  Units<T>& units_;
  TensorParallel<T> tensor_;
  const HeadShape heads_;  // of this tensor-parallel rank
  ContextAttention<T> attention_;
  const long tokens_;  // S
  const long kept_;    // K
  const long mlp_width_;
  const RopeTable<T> rope_;
  std::vector<LayerPlaces> places_;
  std::vector<LayerStash<T>> spare_;

  // Room for what does not outlive a function; the last three of the head.
  Array<T> partial_, scattered_, gathered_, normed_, d_inner_;
  Array<T> dx_;
  Array<T> logits_, most_, sums_, last_r_, last_normed_;
};

// Equal shares or nothing: "heads 6: expected a multiple of tp=4".
void check_share(std::string& why, const char* what, long value, const char* of, long parts) {
  if (!why.empty() || value % parts == 0) return;
  why = std::string(what) + " " + std::to_string(value) + ": expected a multiple of " + of + "=" +
        std::to_string(parts);
}

}  // namespace

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
  return std::make_unique<LlamaStage<float>>(settings_, layers, groups, units);
}
std::unique_ptr<Stage<double>> Llama::make_stage(StageLayers layers, Groups& groups,
                                                 Units<double>& units) const {
  return std::make_unique<LlamaStage<double>>(settings_, layers, groups, units);
}

}  // namespace tutti::train
