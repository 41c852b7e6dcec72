#include "train/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "train/array.h"
#include "train/kernels/attention.h"
#include "train/kernels/embedding.h"
#include "train/kernels/matmul.h"
#include "train/kernels/norm.h"
#include "train/kernels/rope.h"
#include "train/kernels/swiglu.h"
#include "train/model.h"
#include "train/random.h"

namespace tutti::train {

template <class T>
struct Generator<T>::State {
  State(const LlamaConfig& c, int chunks, Groups& g, Units<T>& u, long most)
      : config(c),
        groups(g),
        units(u),
        stages(split_layers(static_cast<int>(c.layers), g.mesh.pp() * chunks)),
        heads{c.heads / g.mesh.tp(), c.kv_heads / g.mesh.tp(), c.head_width},
        mlp_width(c.mlp_width / g.mesh.tp()),
        positions(most),
        rope(RopeTable<T>::make(rope_frequencies(c.rope, c.head_width, most), most)),
        cache(static_cast<std::size_t>(c.layers)) {
    heads.query_stride = (heads.heads + 2 * heads.kv_heads) * heads.width;
    heads.key_stride = 2 * heads.kv_heads * heads.width;
  }

  bool is_mine(std::size_t stage) const {
    return static_cast<int>(stage) % groups.mesh.pp() == groups.at(Dimension::kPipeline);
  }
  static std::size_t size(long rows, long columns) {
    return static_cast<std::size_t>(rows * columns);
  }
  long offset(const std::string& name) const { return units.layout().at(name).offset; }

  void run(std::span<const std::int32_t> tokens) {
    count = static_cast<long>(tokens.size());
    hidden.resize(size(count, config.width));
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (is_mine(s)) run_stage(stages[s], tokens);
      if (s + 1 < stages.size()) {
        groups.pipeline.broadcast(std::span<T>(hidden), static_cast<int>(s) % groups.mesh.pp());
      }
    }
    groups.pipeline.broadcast(std::span<T>(logits), groups.mesh.pp() - 1);
    position += count;
  }

  void run_stage(const StageLayers& stage, std::span<const std::int32_t> tokens) {
    if (stage.first == 0) embed_tokens(tokens);
    for (int layer = stage.first; layer < stage.end; ++layer) {
      const T* w = units.weights(layer, Pass::kForward);
      run_layer("model.layers." + std::to_string(layer) + ".", w, cache[layer]);
      units.done(layer, Pass::kForward);
    }
    if (stage.end == config.layers) head(/*tied=*/config.tied && stage.first == 0);
  }

  void embed_tokens(std::span<const std::int32_t> tokens) {
    const Placed& table = units.layout().at("model.embed_tokens.weight");
    const T* w = units.weights(TensorRow::kBeforeLayers, Pass::kForward) + table.offset;
    embed({count, config.width, table.part.rows, table.part.first_row}, tokens.data(), w,
          hidden.data());
    units.done(TensorRow::kBeforeLayers, Pass::kForward);
    groups.tensor.all_reduce(std::span<T>(hidden));
  }

  void run_layer(const std::string& prefix, const T* w, Array<T>& pairs) {
    const auto at = [&](const char* name) { return w + offset(prefix + name + ".weight"); };
    norm(hidden.data(), count, at("input_layernorm"));
    qkv.resize(size(count, heads.query_stride));
    linear({count, config.width, heads.query_stride}, normed.data(), at("self_attn.q_proj"),
           qkv.data());
    keep_keys(pairs);
    look_back(pairs);
    add_rows(heads.heads * heads.width, attended, at("self_attn.o_proj"));

    norm(hidden.data(), count, at("post_attention_layernorm"));
    gate_up.resize(size(count, 2 * mlp_width));
    linear({count, config.width, 2 * mlp_width}, normed.data(), at("mlp.gate_proj"),
           gate_up.data());
    activated.resize(size(count, mlp_width));
    swiglu(count, mlp_width, gate_up.data(), activated.data());
    add_rows(mlp_width, activated, at("mlp.down_proj"));
  }

  void norm(const T* x, long tokens, const T* w) {
    normed.resize(size(tokens, config.width));
    r.resize(size(tokens, 1));
    rms_norm(tokens, config.width, config.norm_epsilon, x, w, normed.data(), r.data());
  }

  // Turns queries and keys by their positions; keys and values join those of the tokens before.
  void keep_keys(Array<T>& pairs) {
    if (pairs.size() == 0) pairs.resize(size(positions, heads.key_stride));
    for (long t = 0; t < count; ++t) {
      T* const token = qkv.data() + t * heads.query_stride;
      rotate(rope, position + t, heads.heads + heads.kv_heads, 1, token);
      std::copy_n(token + heads.heads * heads.width, heads.key_stride,
                  pairs.data() + (position + t) * heads.key_stride);
    }
  }

  void look_back(const Array<T>& pairs) {
    attended.resize(size(count, heads.heads * heads.width));
    most.resize(size(count, heads.heads));
    sum.resize(most.size());
    attend_begin(heads, count, attended.data(), most.data(), sum.data());
    attend(heads, {position, count}, qkv.data(), {0, position + count}, pairs.data(),
           pairs.data() + heads.kv_heads * heads.width, attended.data(), most.data(), sum.data());
    attend_end(heads, count, attended.data(), most.data(), sum.data());
  }

  // hidden += the sum over ranks of x wᵀ.
  void add_rows(long in, const Array<T>& x, const T* w) {
    partial.resize(hidden.size());
    linear({count, in, config.width}, x.data(), w, partial.data());
    groups.tensor.all_reduce(std::span<T>(partial));
    for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] += partial[i];
  }

  // Logits of the last token.
  void head(bool tied) {
    const Placed& table = units.layout().at(tied ? "model.embed_tokens.weight" : "lm_head.weight");
    const T* w = units.weights(TensorRow::kAfterLayers, Pass::kForward);
    norm(hidden.data() + (count - 1) * config.width, 1, w + offset("model.norm.weight"));
    units.done(TensorRow::kAfterLayers, Pass::kForward);
    const T* words = units.weights(table.row.layer, Pass::kForward) + table.offset;
    partial.resize(static_cast<std::size_t>(table.part.rows));
    linear({1, config.width, table.part.rows}, normed.data(), words, partial.data());
    units.done(table.row.layer, Pass::kForward);
    groups.tensor.all_gather(std::span<const T>(partial), std::span<T>(logits));
  }

  const LlamaConfig config;
  Groups& groups;
  Units<T>& units;
  const std::vector<StageLayers> stages;
  HeadShape heads;  // of this tensor-parallel rank
  const long mlp_width;
  const long positions;
  const RopeTable<T> rope;

  long position = 0;            // tokens so far
  long count = 0;               // new ones
  std::vector<Array<T>> cache;  // by layer: [positions][keys, values]
  Array<T> logits;              // [words of all ranks, with padding]
  Array<T> hidden, normed, r, qkv, attended, most, sum, partial, gate_up, activated;
};

template <class T>
Generator<T>::Generator(const LlamaConfig& config, int chunks, Groups& groups, Units<T>& units,
                        long positions)
    : state_(std::make_unique<State>(config, chunks, groups, units, positions)) {
  const long tp = groups.mesh.tp();
  const long words = (config.vocabulary + tp - 1) / tp * tp;
  state_->logits.resize(static_cast<std::size_t>(words));
}
template <class T>
Generator<T>::~Generator() = default;

template <class T>
std::span<const T> Generator<T>::feed(std::span<const std::int32_t> tokens) {
  State& s = *state_;
  const long after = s.position + static_cast<long>(tokens.size());
  if (tokens.empty() || after > s.positions) {
    throw Failure(std::to_string(after) + " tokens: expected 1 to " + std::to_string(s.positions));
  }
  for (const std::int32_t token : tokens) {
    if (token >= 0 && token < s.config.vocabulary) continue;
    throw Failure("token " + std::to_string(token) + ": expected 0 to " +
                  std::to_string(s.config.vocabulary - 1));
  }
  s.run(tokens);
  return {s.logits.data(), static_cast<std::size_t>(s.config.vocabulary)};
}

template <class T>
std::int32_t pick(std::span<const T> logits, const Sampling& sampling, double chance) {
  std::vector<std::int32_t> words(logits.size());
  std::iota(words.begin(), words.end(), 0);
  const auto kept = static_cast<std::ptrdiff_t>(
      sampling.temperature == 0 ? 1
      : sampling.top_k == 0     ? words.size()
                                : std::min<std::size_t>(sampling.top_k, words.size()));
  // Words of the same logit in their order, so that the choice is one.
  std::partial_sort(words.begin(), words.begin() + kept, words.end(), [&](auto a, auto b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  if (kept == 1) return words.front();
  const double largest = logits[words.front()];
  std::vector<double> up_to;  // sums of likelihoods
  for (std::ptrdiff_t i = 0; i < kept; ++i) {
    const double below = static_cast<double>(logits[words[i]]) - largest;
    up_to.push_back((up_to.empty() ? 0 : up_to.back()) + std::exp(below / sampling.temperature));
  }
  const auto found = std::upper_bound(up_to.begin(), up_to.end(), chance * up_to.back());
  return words[std::min(found - up_to.begin(), kept - 1)];
}

template <class T>
std::vector<std::int32_t> generate(Generator<T>& generator, std::span<const std::int32_t> prompt,
                                   long count, const Sampling& sampling,
                                   const std::vector<long>& ends) {
  const RandomStream random(sampling.seed, "generate");
  std::vector<std::int32_t> tokens;
  std::span<const T> logits = generator.feed(prompt);
  for (long n = 0; n < count; ++n) {
    const std::int32_t token =
        pick(logits, sampling, random.uniform(static_cast<std::uint64_t>(n)));
    if (std::find(ends.begin(), ends.end(), token) != ends.end()) break;
    tokens.push_back(token);
    if (n + 1 < count) logits = generator.feed(std::span(&token, 1));
  }
  return tokens;
}

template class Generator<float>;
template class Generator<double>;
template std::int32_t pick(std::span<const float>, const Sampling&, double);
template std::int32_t pick(std::span<const double>, const Sampling&, double);
template std::vector<std::int32_t> generate(Generator<float>&, std::span<const std::int32_t>, long,
                                            const Sampling&, const std::vector<long>&);
template std::vector<std::int32_t> generate(Generator<double>&, std::span<const std::int32_t>, long,
                                            const Sampling&, const std::vector<long>&);

}  // namespace tutti::train
