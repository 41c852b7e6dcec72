#include "train/language_stage.h"

#include <algorithm>

#include "train/kernels/embedding.h"

namespace tutti::train {
namespace {

// Logits at a time: what a cache holds, or what fills a GPU.
template <class T>
constexpr long kHeadTokens = kOnDevice<T> ? 4096 : 512;

}  // namespace

template <class T, class X>
struct LanguageStage<T, X>::StageStash final : Stash {
  std::vector<LayerStash> layers;
  Array<X> output;      // [K, C] of the last layer
  Array<X> d_output;    // [K, C] of the loss, last stage
  Array<T> d_embedded;  // [S, C], first stage
  bool later = false;   // whether gradients of weights come later
};

template <class T, class X>
LanguageStage<T, X>::LanguageStage(const LanguageShape& shape, StageLayers layers, Units<T>& units,
                                   Recompute recompute, Sublayers<T, X> sublayers)
    : shape_(shape),
      layers_(layers),
      units_(units),
      recompute_(recompute),
      sublayers_(std::move(sublayers)) {
  for (const auto& kind : sublayers_.kinds) gradients_.push_back(kind->make_gradients());
}

template <class T, class X>
std::unique_ptr<Stash> LanguageStage<T, X>::make_stash() {
  auto stash = std::make_unique<StageStash>();
  stash->layers.resize(sublayers_.layers.size());
  for (std::size_t i = 0; i < stash->layers.size(); ++i) {
    std::vector<Step>& steps = stash->layers[i].steps;
    steps.resize(sublayers_.layers[i].size());
    for (std::size_t n = 0; n < steps.size(); ++n) steps[n].kept = sublayer(i, n).make_kept();
  }
  return stash;
}

// ---- forward

template <class T, class X>
double LanguageStage<T, X>::forward(Stash& any, const MicroBatch& batch, const T* in, T* out,
                                    double scale) {
  auto& stash = static_cast<StageStash&>(any);
  X* const x = input_of(stash, 0);
  if (is_first()) {
    embed_tokens(batch, x);
  } else {
    copy_elements(stream_at(in), size(), x);
  }
  for (std::size_t i = 0; i < stash.layers.size(); ++i) {
    forward_layer(i, stash.layers[i], input_of(stash, i + 1), Pass::kForward);
    units_.done(layer(i), Pass::kForward);
    forget(i, stash.layers[i]);
  }
  if (is_last()) return head(stash, batch, scale);
  stream().settle();
  copy_elements<X>(stash.output.data(), size(), stream_at(out));
  return 0;
}

// Where layer i's input is; the last layer's output after the last.
template <class T, class X>
X* LanguageStage<T, X>::input_of(StageStash& stash, std::size_t i) {
  const bool is_output = i == stash.layers.size();
  Array<X>& input = is_output ? stash.output : stash.layers[i].steps[0].input;
  input.resize(stream().size());
  return input.data();
}

template <class T, class X>
void LanguageStage<T, X>::embed_tokens(const MicroBatch& batch, X* x) {
  const Placed& table = units_.layout().at(shape_.table);
  const T* w = units_.weights(TensorRow::kBeforeLayers, Pass::kForward) + table.offset;
  embed({stream().tokens(), shape_.width, table.part.rows, table.part.first_row},
        batch.tokens.data(), w, stream().partial());
  units_.done(TensorRow::kBeforeLayers, Pass::kForward);
  stream().begin(stream().add_up(), x);
}

template <class T, class X>
void LanguageStage<T, X>::forward_layer(std::size_t i, LayerStash& stash, X* y, Pass pass) {
  const T* w = units_.weights(layer(i), pass);
  std::vector<Step>& steps = stash.steps;
  for (std::size_t n = 0; n < steps.size(); ++n) {
    X* next = y;
    if (n + 1 < steps.size()) {
      stream().spare().lend(steps[n + 1].input, stream().size());
      next = steps[n + 1].input.data();
    }
    sublayer(i, n).forward(layer(i), w, steps[n].input.data(), *steps[n].kept, next);
  }
  stash.complete = true;
}

// What is not kept: its memory is for the next layer that needs some.
template <class T, class X>
void LanguageStage<T, X>::forget(std::size_t i, LayerStash& stash) {
  if (recompute_ == Recompute::kNone) return;
  stash.complete = false;
  for (std::size_t n = 0; n < stash.steps.size(); ++n) {
    sublayer(i, n).drop(*stash.steps[n].kept, recompute_);
    if (recompute_ != Recompute::kFull || n == 0) continue;
    stream().settle();  // what the layer adds to this
    stream().spare().take_back(stash.steps[n].input);
  }
}

template <class T, class X>
void LanguageStage<T, X>::remember(std::size_t i, LayerStash& stash, X* y) {
  if (stash.complete) return;
  if (recompute_ == Recompute::kFull) {
    forward_layer(i, stash, y, Pass::kBackward);
    stream().settle();
    return;
  }
  const T* w = units_.weights(layer(i), Pass::kBackward);
  for (std::size_t n = 0; n < stash.steps.size(); ++n) {
    Step& step = stash.steps[n];
    sublayer(i, n).restore(layer(i), w, step.input.data(), *step.kept);
  }
  stash.complete = true;
}

// ---- backward

template <class T, class X>
void LanguageStage<T, X>::backward(Stash& any, const MicroBatch& batch, const T* d_out, T* d_in,
                                   bool later) {
  auto& stash = static_cast<StageStash&>(any);
  stash.later = later;
  dx_.assign({is_last() ? stash.d_output.data() : stream_at(d_out), stream().size()});
  for (std::size_t i = stash.layers.size(); i-- > 0;) {
    remember(i, stash.layers[i], input_of(stash, i + 1));
    backward_layer(i, stash);
    units_.forget(layer(i));
    if (!later) weigh_layer(i, stash);
  }
  if (!is_first()) {
    copy_elements<X>(dx_.data(), size(), stream_at(d_in));
    return;
  }
  stream().gather(dx_.data(), stash.d_embedded);
  if (!later) weigh_embedding(stash, batch);
}

template <class T, class X>
void LanguageStage<T, X>::backward_weights(Stash& any, const MicroBatch& batch) {
  auto& stash = static_cast<StageStash&>(any);
  for (std::size_t i = stash.layers.size(); i-- > 0;) weigh_layer(i, stash);
  if (is_first()) weigh_embedding(stash, batch);
}

// dx_: from the gradient of the layer's output to that of its input.
template <class T, class X>
void LanguageStage<T, X>::backward_layer(std::size_t i, StageStash& stash) {
  const T* w = units_.weights(layer(i), Pass::kBackward);
  std::vector<Step>& steps = stash.layers[i].steps;
  for (std::size_t n = steps.size(); n-- > 0;) {
    sublayer(i, n).backward(layer(i), w, steps[n].input.data(), *steps[n].kept,
                            gradients(i, n, stash), dx_.data());
  }
}

template <class T, class X>
Stash& LanguageStage<T, X>::gradients(std::size_t i, std::size_t step, StageStash& stash) {
  if (!stash.later) return *gradients_[static_cast<std::size_t>(sublayers_.layers[i][step])];
  std::unique_ptr<Stash>& own = stash.layers[i].steps[step].gradients;
  if (own == nullptr) own = sublayer(i, step).make_gradients();
  return *own;
}

template <class T, class X>
void LanguageStage<T, X>::weigh_layer(std::size_t i, StageStash& stash) {
  Precise<T>* dw = units_.gradients(layer(i));
  std::vector<Step>& steps = stash.layers[i].steps;
  for (std::size_t n = steps.size(); n-- > 0;) {
    sublayer(i, n).weigh(layer(i), steps[n].input.data(), *steps[n].kept, gradients(i, n, stash),
                         dw);
  }
  units_.done(layer(i), Pass::kBackward);
  forget(i, stash.layers[i]);
}

template <class T, class X>
void LanguageStage<T, X>::weigh_embedding(const StageStash& stash, const MicroBatch& batch) {
  const Placed& table = units_.layout().at(shape_.table);
  embed_backward({stream().tokens(), shape_.width, table.part.rows, table.part.first_row},
                 batch.tokens.data(), stash.d_embedded.data(),
                 units_.gradients(TensorRow::kBeforeLayers) + table.offset);
  units_.done(TensorRow::kBeforeLayers, Pass::kBackward);
}

// ---- head and loss

// The gradient of the loss is computed at once, a few tokens at a time, so that logits are never
// all there.
template <class T, class X>
double LanguageStage<T, X>::head(StageStash& stash, const MicroBatch& batch, double scale) {
  const Layout& layout = units_.layout();
  const Placed& table = layout.at(head_name());
  const int unit = table.row.layer;
  const T* w = units_.weights(TensorRow::kAfterLayers, Pass::kForward);
  const T* norm_weight = w + layout.at(shape_.norm).offset;
  // Layers do not follow a table that is asked for once more.
  const bool again = unit != TensorRow::kAfterLayers;
  const T* words = (again ? units_.weights(unit, Pass::kBackward) : w) + table.offset;
  stream().norm(stash.output.data(), norm_weight, last_r_, last_normed_);

  const bool learns = scale != 0;
  T* const d_normed = stream().partial();
  losses_.resize(static_cast<std::size_t>(stream().tokens()));
  for (long first = 0; first < stream().tokens(); first += kHeadTokens<T>) {
    const long some = std::min(kHeadTokens<T>, stream().tokens() - first);
    const T* x = last_normed_.data() + first * shape_.width;
    losses(table, x, words, batch.labels.data() + first, some, scale, losses_.data() + first);
    if (!learns) continue;
    const Linear shape{some, shape_.width, table.part.rows};
    linear_backward_input(shape, logits_.data(), words, d_normed + first * shape_.width);
    linear_backward_weight(shape, logits_.data(), x, units_.gradients(unit) + table.offset);
  }
  if (learns) head_backward(stash, norm_weight);
  if (again) units_.done(unit, Pass::kForward);
  units_.done(TensorRow::kAfterLayers, learns ? Pass::kBackward : Pass::kForward);
  return sum_of(stream().tokens(), losses_.data());
}

// Of some tokens; leaves the gradients of their logits in logits_.
template <class T, class X>
void LanguageStage<T, X>::losses(const Placed& table, const T* x, const T* words,
                                 const std::int32_t* labels, long tokens, double scale,
                                 Precise<T>* losses) {
  const long columns = table.part.rows;
  const long known = std::clamp(table.row.rows - table.part.first_row, 0L, columns);
  const LogitsShape shape{tokens, columns, known, table.part.first_row};
  logits_.resize(elements(tokens, columns));
  most_.resize(static_cast<std::size_t>(tokens));
  sums_.resize(static_cast<std::size_t>(2 * tokens));
  linear({tokens, shape_.width, columns}, x, words, logits_.data());
  largest_logits(shape, logits_.data(), most_.data());
  Group& tensor = stream().tensor().group();
  tensor.all_reduce(std::span<Precise<T>>(most_), Reduction::kMax);
  sum_logits(shape, logits_.data(), labels, most_.data(), sums_.data());
  tensor.all_reduce(std::span<Precise<T>>(sums_));
  cross_entropy(shape, logits_.data(), labels, most_.data(), sums_.data(), scale, losses);
}

template <class T, class X>
void LanguageStage<T, X>::head_backward(StageStash& stash, const T* norm_weight) {
  stash.d_output.resize(stream().size());
  stash.d_output.clear();
  Array<T>& d_normed = last_normed_;  // which has been used
  stream().back_from_partial(norm_weight, stash.output.data(), last_r_, d_normed,
                             stash.d_output.data());
  stream().weigh_norm(
      d_normed, stash.output.data(), last_r_,
      units_.gradients(TensorRow::kAfterLayers) + units_.layout().at(shape_.norm).offset);
}

template class LanguageStage<float, float>;
template class LanguageStage<double, double>;
template class LanguageStage<OnDevice<float>, OnDevice<float>>;
template class LanguageStage<OnDevice<Bf16>, OnDevice<Bf16>>;
template class LanguageStage<OnDevice<Bf16>, OnDevice<float>>;

}  // namespace tutti::train
