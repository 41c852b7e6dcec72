#include "train/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "train/generate/continuation.h"
#include "train/kernels/embedding.h"
#include "train/kernels/matmul.h"
#include "train/random.h"

namespace tutti::train {

template <class T>
struct Generator<T>::State {
  State(const ModelConfig& config, int chunks, Groups& g, Units<T>& u, long most)
      : shape(shape_of(config)),
        groups(g),
        units(u),
        stages(split_layers(shape.layers, g.mesh.pp() * chunks)),
        positions(most),
        sublayers(Continuations<T>::of(config, g.tensor, u.layout(), most)),
        tokens(g.tensor, shape) {
    const long tp = g.mesh.tp();
    logits.resize(static_cast<std::size_t>((shape.vocabulary + tp - 1) / tp * tp));
  }

  bool is_mine(std::size_t stage) const {
    return static_cast<int>(stage) % groups.mesh.pp() == groups.at(Dimension::kPipeline);
  }

  void run(std::span<const std::int32_t> words) {
    tokens.count = static_cast<long>(words.size());
    tokens.x.resize(tokens.size(shape.width));
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (is_mine(s)) run_stage(stages[s], words);
      if (s + 1 < stages.size()) {
        groups.pipeline.broadcast(std::span<T>(tokens.x), static_cast<int>(s) % groups.mesh.pp());
      }
    }
    groups.pipeline.broadcast(std::span<T>(logits), groups.mesh.pp() - 1);
    tokens.position += tokens.count;
  }

  void run_stage(const StageLayers& stage, std::span<const std::int32_t> words) {
    if (stage.first == 0) embed_tokens(words);
    for (int layer = stage.first; layer < stage.end; ++layer) {
      const T* w = units.weights(layer, Pass::kForward);
      for (const int kind : sublayers.layers[static_cast<std::size_t>(layer)]) {
        sublayers.kinds[static_cast<std::size_t>(kind)]->run(layer, w, tokens);
      }
      units.done(layer, Pass::kForward);
    }
    if (stage.end == shape.layers) head(/*is_first=*/stage.first == 0);
  }

  void embed_tokens(std::span<const std::int32_t> words) {
    const Placed& table = units.layout().at(shape.table);
    const T* w = units.weights(TensorRow::kBeforeLayers, Pass::kForward) + table.offset;
    embed({tokens.count, shape.width, table.part.rows, table.part.first_row}, words.data(), w,
          tokens.x.data());
    units.done(TensorRow::kBeforeLayers, Pass::kForward);
    groups.tensor.all_reduce(std::span<T>(tokens.x));
  }

  // Logits of the last token.
  void head(bool is_first) {
    const Layout& layout = units.layout();
    const Placed& table = layout.at(shape.tied && is_first ? shape.table : shape.head);
    const T* w = units.weights(TensorRow::kAfterLayers, Pass::kForward);
    tokens.norm_last(w + layout.at(shape.norm).offset);
    units.done(TensorRow::kAfterLayers, Pass::kForward);
    const T* words = units.weights(table.row.layer, Pass::kForward) + table.offset;
    partial.resize(static_cast<std::size_t>(table.part.rows));
    linear({1, shape.width, table.part.rows}, tokens.normed.data(), words, partial.data());
    units.done(table.row.layer, Pass::kForward);
    groups.tensor.all_gather(std::span<const T>(partial), std::span<T>(logits));
  }

  const LanguageShape shape;
  Groups& groups;
  Units<T>& units;
  const std::vector<StageLayers> stages;
  const long positions;
  const Continuations<T> sublayers;
  NewTokens<T> tokens;
  Array<T> logits;  // [words of all ranks, with padding]
  Array<T> partial;
};

template <class T>
Generator<T>::Generator(const ModelConfig& config, int chunks, Groups& groups, Units<T>& units,
                        long positions)
    : state_(std::make_unique<State>(config, chunks, groups, units, positions)) {}
template <class T>
Generator<T>::~Generator() = default;

template <class T>
std::span<const T> Generator<T>::feed(std::span<const std::int32_t> tokens) {
  State& s = *state_;
  const long after = s.tokens.position + static_cast<long>(tokens.size());
  if (tokens.empty() || after > s.positions) {
    throw Failure(std::to_string(after) + " tokens: expected 1 to " + std::to_string(s.positions));
  }
  const long words = s.shape.vocabulary;
  for (const std::int32_t token : tokens) {
    if (token >= 0 && token < words) continue;
    throw Failure("token " + std::to_string(token) + ": expected 0 to " +
                  std::to_string(words - 1));
  }
  s.run(tokens);
  return {s.logits.data(), static_cast<std::size_t>(words)};
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
